// What the page does better with JavaScript than without: copying, and seeing
// by itself that a program has synced. Nothing on the page needs it.
"use strict";

// Screen readers hear what became of a copy in a line of its own.
const said = document.getElementById("said");

for (const button of document.querySelectorAll("button.copy")) {
	if (!navigator.clipboard) break; // not offered over plain HTTP
	const before = { text: button.textContent, name: button.getAttribute("aria-label") };
	let shown;
	const show = (text, name) => {
		button.textContent = text;
		button.setAttribute("aria-label", name);
	};
	button.hidden = false;
	button.addEventListener("click", async () => {
		const what = document.getElementById(button.dataset.of);
		let outcome = button.dataset.done;
		try {
			await navigator.clipboard.writeText(what.innerText.trim());
		} catch { // the browser does not allow it: what is to be copied is marked
			outcome = button.dataset.failed;
			getSelection().selectAllChildren(what);
		}
		show(outcome, outcome);
		said.textContent = outcome;
		clearTimeout(shown);
		shown = setTimeout(() => {
			show(before.text, before.name);
			said.textContent = "";
		}, 2000);
	});
}

// What looks by itself does so every five seconds, and no longer than the page
// that it reads does without a script.
const often = 5000, most = 120;

const again = (look, left) => {
	if (left > 1) setTimeout(() => look(left - 1), often);
};

const read = async (address) => {
	const answer = await fetch(address, { redirect: "error" });
	return new DOMParser().parseFromString(await answer.text(), "text/html");
};

for (const state of document.querySelectorAll("[data-look]")) {
	state.textContent = state.dataset.waiting;
	const look = async (left) => {
		try {
			const seen = (await read(state.dataset.look)).getElementById("seen");
			if (seen && (seen.dataset.seen || seen.dataset.over)) {
				state.textContent = seen.textContent;
				state.className = seen.className;
				return;
			}
		} catch { /* the line is away for a moment, or the session is over: what is shown stays */ }
		again(look, left);
	};
	again(look, most + 1);
}

// The page that watches for the next try is read again, and only what is new in
// it is changed, so that nobody loses their place.
for (const watched of document.querySelectorAll("[data-watch]")) {
	const look = async (left) => {
		try {
			const page = await read(watched.dataset.watch);
			const now = page.getElementById(watched.id);
			for (const part of now ? watched.querySelectorAll("[data-part]") : []) {
				const next = now.querySelector(`[data-part=${part.dataset.part}]`);
				if (next.innerHTML === part.innerHTML) continue;
				part.className = next.className;
				part.replaceChildren(...next.childNodes);
			}
			if (now) document.title = page.title;
			if (now && !now.dataset.watch) return;
		} catch { /* as above */ }
		again(look, left);
	};
	again(look, most + 1);
}

for (const button of document.querySelectorAll("button.print")) {
	button.hidden = false;
	button.addEventListener("click", () => window.print());
}
