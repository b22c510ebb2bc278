// What the pages do beyond HTML. Everything also works without this module.
//
// Words come from the page, in the reader's language; text from the service is only ever set as text.
// Changes of stage are told once each in a polite live region; sentences are not read out as they come.

const LOST_BEFORE_RELOAD = 3;

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

/** Brings the finished answer into the page, and the reader to it unless they are elsewhere. */
function showFinished(place) {
  const request = new XMLHttpRequest();
  request.responseType = "document";
  request.onload = () => {
    const main = request.responseXML?.querySelector("main");
    if (!main || request.responseXML.querySelector("[data-answer]")) {
      location.reload();
      return;
    }
    const held = place.contains(document.activeElement) || document.activeElement === document.body
      || document.activeElement?.id === "main";
    document.title = request.responseXML.title;
    document.querySelector("main").replaceChildren(...document.adoptNode(main).childNodes);
    begin();
    if (held) document.getElementById("result")?.focus({ preventScroll: false });
  };
  request.onerror = () => location.reload();
  request.open("GET", place.dataset.answer);
  request.send();
}

/** Follows an answer under way: its stages and its sentences, until it is finished. */
function follow(place) {
  const region = place.querySelector("[role=status]");
  const released = place.querySelector(".released");
  const pattern = place.querySelector("template[data-sentence]");
  const source = new EventSource(`${place.dataset.answer}/events`);
  let lost = 0;
  // What the server had put here comes again with the events.
  released.replaceChildren();

  const on = (name, act) => source.addEventListener(name, (event) => {
    lost = 0;
    act(JSON.parse(event.data));
  });
  on("status", ({ stage }) => tell(region, place.dataset[stage] ?? place.dataset.retrieve));
  on("sentence", (sentence) => {
    const shown = pattern.content.cloneNode(true);
    shown.querySelector(".words").textContent = sentence.text;
    shown.querySelector(".unverified").hidden = sentence.support === "supported";
    released.append(shown);
  });
  on("reset", () => {
    released.replaceChildren();
    tell(region, place.dataset.reset);
  });
  on("final", () => {
    source.close();
    tell(region, place.dataset.ready);
    showFinished(place);
  });
  source.addEventListener("error", (event) => {
    if (event.data !== undefined) {
      // The service's own word that there will be no answer: the page says why.
      source.close();
      location.reload();
      return;
    }
    lost += 1;
    tell(region, place.dataset.lost);
    if (source.readyState === EventSource.CLOSED || lost >= LOST_BEFORE_RELOAD) {
      source.close();
      setTimeout(() => location.reload(), 1000);
    }
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

function begin() {
  watchForms();
  arm();
  const place = document.querySelector("[data-answer]");
  if (place) follow(place);
}

begin();
