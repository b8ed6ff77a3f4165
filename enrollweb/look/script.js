// What the page does better with JavaScript than without: copying, and seeing
// by itself that a program has synced. Nothing on the page needs it.
"use strict";

for (const button of document.querySelectorAll("button.copy")) {
	if (!navigator.clipboard) break; // not offered over plain HTTP
	button.hidden = false;
	button.addEventListener("click", async () => {
		await navigator.clipboard.writeText(document.getElementById(button.dataset.of).innerText.trim());
		const before = button.textContent;
		button.textContent = button.dataset.done;
		setTimeout(() => { button.textContent = before; }, 2000);
	});
}

for (const state of document.querySelectorAll("[data-look]")) {
	state.textContent = state.dataset.waiting;
	const look = async () => {
		try {
			const answer = await fetch(state.dataset.look, { redirect: "error" });
			const page = new DOMParser().parseFromString(await answer.text(), "text/html");
			const seen = page.querySelector("[data-seen]");
			if (seen) {
				state.textContent = seen.textContent;
				state.className = "seen";
				return;
			}
		} catch { /* the line is away for a moment, or the session is over: what is shown stays */ }
		setTimeout(look, 5000);
	};
	setTimeout(look, 5000);
}

// The page that watches for the next try is read again, and only what is new in
// it is changed, so that nobody loses their place.
for (const watched of document.querySelectorAll("[data-watch]")) {
	const look = async () => {
		try {
			const answer = await fetch(watched.dataset.watch, { redirect: "error" });
			const page = new DOMParser().parseFromString(await answer.text(), "text/html");
			const now = page.getElementById(watched.id);
			for (const part of now ? watched.querySelectorAll("[data-part]") : []) {
				const next = now.querySelector(`[data-part=${part.dataset.part}]`);
				if (next.innerHTML === part.innerHTML) continue;
				part.className = next.className;
				part.replaceChildren(...next.childNodes);
			}
			if (now && !now.dataset.watch) return;
		} catch { /* as above */ }
		setTimeout(look, 5000);
	};
	setTimeout(look, 5000);
}

for (const button of document.querySelectorAll("button.print")) {
	button.hidden = false;
	button.addEventListener("click", () => window.print());
}
