// Looks with pa11y at a page that is open in a running Chromium. A line of JSON comes in for each page,
// {"target": "…", "runners": […], "viewport": {…}}, and a line goes out: {"version": "…", "issues": […]} or {"error": "…"}.
// Started with the address of Chromium's debugging port; ends when its input does.

const readline = require("node:readline");
const pa11y = require("pa11y");
const puppeteer = require("puppeteer");
const { version } = require("pa11y/package.json");

async function pageOf(browser, id) {
  for (const target of browser.targets()) {
    if (target._targetId === id) return target.page();
  }
  throw new Error(`There is no page ${id}.`);
}

async function look(browser, { target, runners, viewport }) {
  const page = await pageOf(browser, target);
  // The page is there already, and was perhaps come to by a form: nothing is loaded.
  const options = { browser, page, runners, ignoreUrl: true, userAgent: "", viewport };
  const { issues } = await pa11y(page.url(), { ...options, standard: "WCAG2AA", includeWarnings: true });
  return { version, issues };
}

async function main(address) {
  const browser = await puppeteer.connect({ browserURL: address, defaultViewport: null });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const said = await look(browser, JSON.parse(line)).catch((error) => ({ error: String(error) }));
    process.stdout.write(`${JSON.stringify(said)}\n`);
  }
  await browser.disconnect();
}

main(process.argv[2]);
