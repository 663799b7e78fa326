/** Changing a row through the mutations: a switch, a form, and a deletion that is confirmed. */

import { make } from './dom.mjs';
import {
  canRemove,
  canUpdate,
  nested,
  numbersOf,
  parsed,
  problemsAt,
  removeRequest,
  switchOf,
  updateRequest,
  valueAt,
} from './edits.mjs';
import { brief } from './formats.mjs';
import { ask } from './graphql.mjs';

/**
 * The buttons that change a row, and the place of what they open.
 *
 * @param {import('./tables.mjs').Table} table
 * @param {object} row with all its values
 * @param {(text: string) => void} say what has been done
 * @returns {{buttons: HTMLElement[], place: HTMLElement}}
 */
export function drawEditing(table, row, say) {
  const { what, note } = table.edits;
  const toggle = switchOf(table.edits);
  const place = make('div', { className: 'editing' });
  const buttons = [];
  const open = (element) => {
    place.replaceChildren(element);
    element.querySelector('input, .cancel')?.focus();
  };
  const close = () => {
    place.replaceChildren();
    buttons[0]?.focus();
  };
  if (toggle && canUpdate(table, row)) {
    const isOn = valueAt(row, toggle.path);
    buttons.push(button(isOn ? 'Disable' : 'Enable', () => flip(!isOn)));
  }
  if (numbersOf(table.edits).length && canUpdate(table, row)) {
    buttons.push(button(`Edit ${what}`, () => open(drawForm(table, row, { close, say, open }))));
  }
  if (canRemove(table, row)) {
    buttons.push(button('Delete…', () => open(drawConfirmation(table, row, { close, say })), 'danger'));
  }
  return { buttons, place };

  async function flip(isOn) {
    const done = `${table.nameOf(row)} is ${isOn ? 'enabled' : 'disabled'}. ${note}`;
    const input = nested([[toggle.path, isOn]]);
    const { error } = await run(updateRequest(table, row, input));
    if (error?.extensions?.code === 'CONFLICT') {
      open(drawConflict(table, row, input, error, { close, say, open }));
    } else if (error) {
      open(drawProblems(problemsAt(error, []), close));
    } else {
      say(done);
    }
  }
}

const run = ({ query, variables }) => ask(query, variables);

function button(text, act, className = '') {
  const made = make('button', { type: 'button', textContent: text, className });
  made.onclick = async () => {
    made.disabled = true;
    await act();
    made.disabled = false;
  };
  return made;
}

/** @param {{close: () => void, say: (text: string) => void, open: (element: HTMLElement) => void}} host */
function drawForm(table, row, { close, say, open }) {
  const fields = numbersOf(table.edits);
  const { note } = table.edits;
  const form = make('form', { className: 'edit', noValidate: true });
  const inputs = new Map();
  for (const editable of fields) {
    const path = editable.path.join('.');
    const value = valueAt(row, editable.path);
    const input = make('input', {
      id: `edit-${path}`,
      inputMode: editable.kind === 'whole' ? 'numeric' : 'decimal',
      autocomplete: 'off',
      value: value === null ? '' : String(value),
      placeholder: editable.isOptional ? 'no limit' : '',
    });
    const problem = make('p', { className: 'problem', id: `problem-${path}`, hidden: true });
    input.setAttribute('aria-describedby', problem.id);
    inputs.set(path, { editable, input, problem });
    form.append(make('label', { htmlFor: input.id, textContent: editable.label }), input, problem);
  }
  const others = make('div', { role: 'alert' });
  const save = make('button', { textContent: 'Save', className: 'primary' });
  const cancel = make('button', { type: 'button', textContent: 'Cancel', className: 'cancel' });
  cancel.onclick = close;
  form.append(others);
  if (note) form.append(make('p', { className: 'quiet', textContent: note }));
  form.append(make('p', { className: 'buttons' }, save, cancel));

  const showProblems = (problems) => {
    for (const { input, problem } of inputs.values()) {
      problem.hidden = true;
      input.removeAttribute('aria-invalid');
    }
    others.replaceChildren();
    for (const { path, message } of problems) {
      const at = inputs.get(path);
      if (!at) {
        others.append(make('p', { className: 'problem', textContent: message }));
        continue;
      }
      at.problem.textContent = message;
      at.problem.hidden = false;
      at.input.setAttribute('aria-invalid', 'true');
    }
    const first = problems.map(({ path }) => inputs.get(path)).find(Boolean);
    first?.input.focus();
  };

  form.onsubmit = async (event) => {
    event.preventDefault();
    const values = [...inputs].map(([path, { editable, input }]) => {
      return { path, editable, ...parsed(editable, input.value) };
    });
    const wrong = values.filter(({ problem }) => problem);
    if (wrong.length) {
      showProblems(wrong.map(({ path, problem }) => ({ path, message: problem })));
      return;
    }
    const input = nested(values.map(({ editable, value }) => [editable.path, value]));
    save.disabled = true;
    const { error } = await run(updateRequest(table, row, input));
    save.disabled = false;
    if (error?.extensions?.code === 'CONFLICT') {
      open(drawConflict(table, row, input, error, { close, say, open }));
    } else if (error) {
      showProblems(problemsAt(error, fields));
    } else {
      close();
      say(`${table.nameOf(row)} is saved.`);
    }
  };
  return form;
}

/** Somebody else was faster: what one wants beside what there is, to choose from. */
function drawConflict(table, row, input, error, { close, say, open }) {
  const { current } = error.extensions;
  const rows = table.edits.fields.map(({ path, label }) => {
    const texts = [row, input, current].map((values) => brief(valueAt(values, path)));
    const cells = texts.map((text) => make('td', { textContent: text }));
    if (texts[1] !== texts[2]) cells[1].className = cells[2].className = 'changed';
    return make('tr', {}, make('th', { scope: 'row', textContent: label }), ...cells);
  });
  const head = ['Value', 'As you read it', 'Yours', 'As it is now'].map((textContent) =>
    make('th', { scope: 'col', textContent }),
  );
  const mine = button('Save mine', async () => {
    const again = await run(updateRequest(table, { ...row, updatedAt: current.updatedAt }, input));
    if (again.error?.extensions?.code === 'CONFLICT') {
      open(drawConflict(table, row, input, again.error, { close, say, open }));
    } else if (again.error) {
      open(drawProblems(problemsAt(again.error, []), close));
    } else {
      close();
      say(`${table.nameOf(row)} is saved.`);
    }
  });
  const theirs = button('Keep what is there', close, 'cancel');
  return make(
    'div',
    { className: 'conflict', role: 'group', 'aria-label': 'Two changes of one row' },
    make('p', {
      className: 'bad',
      textContent: 'Somebody else has changed it since you have read it. Nothing is written yet.',
    }),
    make('table', {}, make('thead', {}, make('tr', {}, ...head)), make('tbody', {}, ...rows)),
    make('p', { className: 'buttons' }, theirs, mine),
  );
}

function drawConfirmation(table, row, { close, say }) {
  const problems = make('div', { role: 'alert' });
  const remove = button(
    'Delete',
    async () => {
      const { error } = await run(removeRequest(table, row));
      if (error) {
        const found = problemsAt(error, []);
        problems.replaceChildren(
          ...found.map(({ message }) => make('p', { className: 'problem', textContent: message })),
        );
      } else {
        say(`${table.nameOf(row)} is deleted.`);
      }
    },
    'danger',
  );
  const cancel = make('button', { type: 'button', textContent: 'Cancel', className: 'cancel' });
  cancel.onclick = close;
  const { removedToo } = table.edits;
  const also = removedToo ? ` with ${removedToo}` : '';
  return make(
    'div',
    { className: 'confirmation', role: 'group', 'aria-label': 'Confirm the deletion' },
    make('p', {}, 'Delete the ', `${table.singular} `, make('b', { textContent: table.nameOf(row) }), `${also}? This cannot be undone.`),
    problems,
    make('p', { className: 'buttons' }, cancel, remove),
  );
}

function drawProblems(problems, close) {
  const cancel = make('button', { type: 'button', textContent: 'Close', className: 'cancel' });
  cancel.onclick = close;
  return make(
    'div',
    { role: 'alert' },
    ...problems.map(({ message }) => make('p', { className: 'problem', textContent: message })),
    make('p', { className: 'buttons' }, cancel),
  );
}
