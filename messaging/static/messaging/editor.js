'use strict';
/* Asks for the panel anew while a text is written. Without this script its buttons do. */
(() => {
    const WAIT = 300;
    const form = document.querySelector('form[data-proof]');
    if (!form) {
        return;
    }
    const panel = form.querySelector('.proof');
    const lost = form.querySelector('.lost');
    const text = form.elements.text;
    let timer = 0;
    let running = null;

    const refresh = async (name, value) => {
        clearTimeout(timer);
        running?.abort();
        const mine = running = new AbortController();
        const data = new FormData(form);
        if (name) {
            data.set(name, value);
        }
        panel.setAttribute('aria-busy', 'true');
        try {
            const answer = await fetch(form.dataset.proof, {method: 'POST', body: data, signal: mine.signal});
            if (!answer.ok || answer.redirected) {
                throw new Error(answer.status);
            }
            show(await answer.text());
            lost.hidden = true;
        } catch (error) {
            lost.hidden = error.name === 'AbortError';
        }
        if (running === mine) {
            panel.removeAttribute('aria-busy');
        }
    };

    const show = html => {
        const focused = document.activeElement;
        const {name, value} = panel.contains(focused) ? focused : {};
        panel.innerHTML = html;
        const again = [...panel.querySelectorAll('[name]')].find(one => one.name === name && (one.type !== 'submit' || one.value === value));
        again?.focus();
    };

    const soon = () => {
        clearTimeout(timer);
        timer = setTimeout(refresh, WAIT);
    };

    const insert = words => {
        text.setRangeText(words, text.selectionStart, text.selectionEnd, 'end');
        text.focus();
        refresh();
    };

    const follow = button => {
        for (let n = 1; button.hasAttribute(`data-old-${n}`); n++) {
            text.value = text.value.replaceAll(button.getAttribute(`data-old-${n}`), button.getAttribute(`data-new-${n}`));
        }
    };

    form.addEventListener('input', event => {
        if (!event.target.closest('.find')) {
            soon();
        }
    });
    form.addEventListener('change', event => {
        if (event.target.tagName === 'SELECT') {
            refresh();
        }
    });
    form.addEventListener('click', event => {
        const button = event.target.closest('button, input[name=preview]');
        if (!button) {
            return;
        }
        event.preventDefault();
        if (button.dataset.insert) {
            insert(button.dataset.insert);
        } else if (button.name === 'replace') {
            follow(button);
            refresh();
        } else {
            refresh(button.name, button.value);
        }
    });
    form.addEventListener('keydown', event => {
        const row = event.target.closest('.find');
        if (row && event.key === 'Enter') {
            event.preventDefault();
            row.querySelector('button').click();
        }
    });
})();
