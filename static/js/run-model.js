// What the page knows of a run: epochs by number, steps by index. Hearing an event twice changes nothing.

import { toNumber } from "./format.js";

export class RunModel {
  /** @param {any} run @param {{columns: Record<string, any[]>}} epochs @param {{columns: Record<string, any[]>}} steps */
  constructor(run, epochs, steps) {
    this.load(run, epochs, steps);
  }

  load(run, epochs, steps) {
    this.run = run;
    /** @type {Map<number, Record<string, number|null>>} */
    this.epochs = new Map();
    const names = Object.keys(epochs.columns);
    epochs.columns.epoch.forEach((epoch, row) => {
      this.epochs.set(epoch, Object.fromEntries(names.map((name) => [name, toNumber(epochs.columns[name][row])])));
    });
    this.steps = { step: [], loss: [], jaccard: [] };
    this.appendSteps(steps.columns);
  }

  /** Append steps behind the last known one; earlier ones are known already. */
  appendSteps(columns) {
    const { step, loss, jaccard } = this.steps;
    columns.step.forEach((number, row) => {
      if (step.length && number <= step[step.length - 1]) return;
      step.push(number);
      loss.push(toNumber(columns.loss[row]));
      jaccard.push(toNumber(columns.jaccard[row]));
    });
  }

  addEpoch({ epoch, step, metrics }) {
    const row = { epoch, step };
    for (const [name, value] of Object.entries(metrics)) row[name] = toNumber(value);
    this.epochs.set(epoch, row);
  }

  /** Forget what a lost worker wrote after its last finished epoch. */
  rewind({ epoch, step }) {
    for (const known of [...this.epochs.keys()]) if (known > epoch) this.epochs.delete(known);
    const keep = this.steps.step.filter((number) => number <= step).length;
    for (const column of Object.values(this.steps)) column.length = keep;
  }

  get lastStep() {
    return this.steps.step.at(-1) ?? 0;
  }

  /** @returns {number[]} */
  get epochNumbers() {
    return [...this.epochs.keys()].sort((a, b) => a - b);
  }

  /** @param {string} name @returns {(number|null)[]} */
  column(name) {
    return this.epochNumbers.map((epoch) => this.epochs.get(epoch)[name] ?? null);
  }

  /** Position of each step on the axis of epochs. @returns {number[]} */
  get stepPositions() {
    const perEpoch = this.run.steps_per_epoch || 1;
    return this.steps.step.map((step) => step / perEpoch);
  }

  get progress() {
    const planned = this.run.epochs_planned * this.run.steps_per_epoch;
    if (this.run.state === "finished") return 1;
    return planned ? Math.min(1, this.lastStep / planned) : 0;
  }
}
