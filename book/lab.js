"use strict";

// gettext and a page name a language in two ways: zh_CN, zh-CN. By the page's a browser chooses letters and voices.
document.documentElement.lang = document.documentElement.lang.replace("_", "-");

// A recording is a page of its own: it knows what the machine prefers, and not which theme its reader chose.
const dress = () => {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
    for (const frame of document.querySelectorAll(".lab-page")) {
        // There is none before it has been in sight.
        frame.contentDocument?.documentElement?.style.setProperty("color-scheme", dark ? "dark" : "light");
        frame.onload = dress;
    }
};
dress();
new MutationObserver(dress).observe(document.documentElement, { attributeFilter: ["class"] });

// The boxes of a chapter: an answer first, then what the recording says. Without this script they are radio buttons above
// a <details> that anybody may open.
for (const box of document.querySelectorAll(".lab-box")) {
    const answer = box.querySelector("details");
    const verdict = box.querySelector(".verdict");
    const options = [...box.querySelectorAll("input[type=radio]")];
    const chosen = () => options.find((option) => option.checked);

    const commit = document.createElement("button");
    commit.type = "button";
    commit.textContent = box.dataset.commit;
    commit.setAttribute("aria-disabled", "true");
    box.querySelector(".options").after(commit);
    answer.hidden = true;
    // A browser may remember what was chosen before the page was loaded again.
    options.forEach((option) => { option.checked = false; });

    box.addEventListener("change", () => commit.setAttribute("aria-disabled", "false"));
    commit.addEventListener("click", () => {
        const option = chosen();
        if (!option) {
            return;
        }
        const right = "right" in option.dataset;
        verdict.textContent = right ? box.dataset.isRight : box.dataset.isWrong;
        verdict.className = right ? "verdict is-right" : "verdict is-wrong";
        answer.hidden = false;
        answer.open = true;
    });
}
