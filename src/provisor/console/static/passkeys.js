// Passkeys: a form with a field of data-passkey asks the server for a challenge, the browser for an answer, and is sent
// with that. What is bytes to the browser goes over the line in base64url.
"use strict";

(() => {
  class Refused extends Error {}

  function bytes(text) {
    const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(plain, (char) => char.charCodeAt(0));
  }

  function text(buffer) {
    const plain = String.fromCharCode(...new Uint8Array(buffer));
    return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  }

  function known(list) {
    return (list || []).map((item) => ({ ...item, id: bytes(item.id) }));
  }

  async function question(form, address) {
    const body = new URLSearchParams({ csrf: form.elements.csrf.value });
    const answer = await fetch(address, { method: "POST", body, headers: { "HX-Request": "true" } });
    const elsewhere = answer.headers.get("HX-Redirect");
    if (elsewhere) {
      location.assign(elsewhere);
      return null;
    }
    if (!answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      throw new Refused(page.body.textContent.trim());
    }
    return answer.json();
  }

  function create(options) {
    const user = { ...options.user, id: bytes(options.user.id) };
    const challenge = bytes(options.challenge);
    const excludeCredentials = known(options.excludeCredentials);
    return navigator.credentials.create({ publicKey: { ...options, user, challenge, excludeCredentials } });
  }

  function get(options) {
    const challenge = bytes(options.challenge);
    const allowCredentials = known(options.allowCredentials);
    return navigator.credentials.get({ publicKey: { ...options, challenge, allowCredentials } });
  }

  function told(credential) {
    const { id, type, rawId, response } = credential;
    const parts = { clientDataJSON: text(response.clientDataJSON) };
    if (response.attestationObject) {
      parts.attestationObject = text(response.attestationObject);
      parts.transports = response.getTransports ? response.getTransports() : [];
    } else {
      parts.authenticatorData = text(response.authenticatorData);
      parts.signature = text(response.signature);
      parts.userHandle = response.userHandle ? text(response.userHandle) : null;
    }
    return JSON.stringify({ id, type, rawId: text(rawId), response: parts, clientExtensionResults: {} });
  }

  function sentence(error, options) {
    if (error instanceof Refused) return error.message;
    const host = options && (options.rpId || options.rp.id);
    if (error.name === "NotAllowedError") return "No passkey was used: it was not allowed, or took too long. Try again.";
    if (error.name === "InvalidStateError") return "This device has a passkey of yours already.";
    if (error.name === "SecurityError") return `Passkeys are for ${host}: open this page there.`;
    return `The browser could not use a passkey: ${error.message}`;
  }

  function say(form, what) {
    const said = document.createElement("div");
    said.className = "alert alert-danger";
    said.setAttribute("role", "alert");
    said.textContent = what;
    form.querySelector(".said").replaceChildren(said);
  }

  async function ask(form, field) {
    let options = null;
    const button = form.querySelector("button[type=submit]");
    button.disabled = true;
    form.querySelector(".said").replaceChildren();
    try {
      if (!window.PublicKeyCredential) {
        throw new Refused("This browser cannot use passkeys here: they need https, or localhost.");
      }
      options = await question(form, field.dataset.options);
      if (!options) return;
      field.value = told(await (field.dataset.passkey === "create" ? create : get)(options));
    } catch (error) {
      say(form, sentence(error, options));
    } finally {
      button.disabled = false;
    }
    if (field.value) form.requestSubmit();
  }

  // Before htmx hears of it: without an answer there is nothing to send.
  document.addEventListener("submit", (event) => {
    const field = event.target.querySelector("input[data-passkey]");
    if (!field || field.value) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    ask(event.target, field);
  }, true);

  // An answer is good once.
  document.addEventListener("htmx:afterRequest", (event) => {
    const field = event.target.querySelector && event.target.querySelector("input[data-passkey]");
    if (field) field.value = "";
  });
})();
