// What the pages do beyond HTML. Everything also works without this module.
//
// Words come from the page, in the reader's language; text from the service is only ever set as text.
// Changes of stage are told once each in a polite live region; sentences are not read out as they come.

const LOST_BEFORE_LOOK = 3;
const LOOK_AGAIN_MS = 2000;
const SETTLED_MS = 150;

/** Says something to the eye and, politely, to screen readers; the same words are not said twice. */
function tell(region, words) {
  if (region && region.textContent !== words) region.textContent = words;
}

/** Tells that a question is on its way, and sends it once only. */
function watchForms() {
  for (const form of document.querySelectorAll("form[data-asking]")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) event.preventDefault();
      else if (form.elements.question.value.trim()) {
        form.dataset.sent = "yes";
        tell(form.querySelector("[role=status]"), form.dataset.asking);
      }
    });
  }
  // A page that comes back from the browser's memory can ask again.
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      tell(form.querySelector("[role=status]"), "");
    }
  });
}

/** Asks the page of an answer once more: shows what it has come to, or goes on following it. */
function look(place) {
  const request = new XMLHttpRequest();
  request.responseType = "document";
  request.onload = () => {
    const main = request.responseXML?.querySelector("main");
    // A page without the form is of an outage: the answer may be there when it is over.
    if (!main || (request.status >= 500 && !main.querySelector("form.ask"))) later(place);
    else if (main.querySelector("[data-answer]")) follow(place);
    else show(request.responseXML.title, main);
  };
  request.onerror = () => later(place);
  request.open("GET", place.dataset.answer);
  request.send();
}

/** Looks again in a while; meanwhile the page stays as it is, whatever has become of the service. */
function later(place) {
  tell(place.querySelector("[role=status]"), place.dataset.lost);
  setTimeout(() => look(place), LOOK_AGAIN_MS);
}

/** Brings what came into the page, and the reader to it unless they are at something else. */
function show(title, main) {
  const here = document.querySelector("main");
  const at = document.activeElement;
  const free = !at || at === document.body || here.contains(at);
  document.title = title;
  here.replaceChildren(...document.adoptNode(main).childNodes);
  begin();
  if (free) document.getElementById("result")?.focus();
}

/** Follows an answer under way: its stages and its sentences, until it is finished. */
function follow(place) {
  const region = place.querySelector("[role=status]");
  const released = place.querySelector(".released");
  const pattern = place.querySelector("template[data-sentence]");
  const source = new EventSource(`${place.dataset.answer}/events`);
  let lost = 0;
  let begun = false;
  let stage = region.textContent;
  let timer = 0;

  // Events that had happened already come all at once: only the newest stage is worth saying.
  const reached = (words) => {
    stage = words;
    clearTimeout(timer);
    timer = setTimeout(() => tell(region, words), SETTLED_MS);
  };
  const on = (name, act) => source.addEventListener(name, (event) => {
    lost = 0;
    // What the page had already comes again with the events.
    if (!begun) released.replaceChildren();
    begun = true;
    act(JSON.parse(event.data));
  });
  on("status", (event) => reached(place.dataset[event.stage] ?? place.dataset.retrieve));
  on("sentence", (sentence) => {
    const shown = pattern.content.cloneNode(true);
    shown.querySelector(".words").textContent = sentence.text;
    shown.querySelector(".unverified").hidden = sentence.support === "supported";
    released.append(shown);
  });
  on("reset", () => {
    released.replaceChildren();
    reached(place.dataset.reset);
  });
  on("final", () => {
    source.close();
    clearTimeout(timer);
    tell(region, place.dataset.ready);
    look(place);
  });
  source.addEventListener("open", () => tell(region, stage));
  source.addEventListener("error", (event) => {
    clearTimeout(timer);
    if (event.data !== undefined) {
      // The service's own word that there will be no answer: the page says why.
      source.close();
      look(place);
      return;
    }
    lost += 1;
    // The browser takes the stream up again by itself, after the last event that it has.
    if (source.readyState === EventSource.CLOSED || lost >= LOST_BEFORE_LOOK) {
      source.close();
      later(place);
    } else tell(region, place.dataset.lost);
  });
}

/** Shows the buttons that need this module. */
function arm() {
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      const field = document.getElementById(button.dataset.copy);
      await navigator.clipboard.writeText(field.value);
      tell(button.parentElement.querySelector("[role=status]"), button.dataset.done);
    });
  }
}

/** Brings the list of documents up to date while some of them are still being read. */
function progress(list) {
  setTimeout(() => {
    const request = new XMLHttpRequest();
    request.responseType = "document";
    request.onloadend = () => {
      const fresh = request.responseXML?.querySelector(".documents");
      // Whoever is at something in the list, or has chosen some of it, is not disturbed.
      if (fresh && !list.contains(document.activeElement) && !list.querySelector(":checked")) {
        list.replaceWith(document.adoptNode(fresh));
        if (fresh.matches("[data-progress]")) progress(fresh);
      } else progress(list);
    };
    request.open("GET", location.href);
    request.send();
  }, LOOK_AGAIN_MS);
}

function begin() {
  watchForms();
  arm();
  const place = document.querySelector("[data-answer]");
  if (place) follow(place);
  const list = document.querySelector("[data-progress]");
  if (list) progress(list);
}

begin();
