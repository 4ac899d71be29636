// What both clients share: arguments, output, patience.
'use strict';

const patience = 60000;

function say(event, fields) {
  process.stdout.write(JSON.stringify({ event, ...fields }) + '\n');
}

function args() {
  const [mode, list, destination, count, name, pause] = process.argv.slice(2);
  const brokers = list.split(',').map((b) => {
    const i = b.lastIndexOf(':');
    return { host: b.slice(0, i), port: Number(b.slice(i + 1)) };
  });
  const headers = JSON.parse(process.env.STOMP_HEADERS || '{}');
  return { mode, brokers, destination, count: Number(count), name, pause: Number(pause || 0), headers };
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// watchdog fails the program when alive() was not called for a while.
let timer;
function alive() {
  clearTimeout(timer);
  timer = setTimeout(() => finish(new Error('nothing happens')), patience);
}

function finish(err) {
  if (err) {
    say('failed', { reason: String(err.message || err) });
  } else {
    say('done');
  }
  process.exit(err ? 1 : 0);
}

// main runs the function for the mode.
function main(modes) {
  const a = args();
  alive();
  const run = modes[a.mode];
  if (!run) {
    finish(new Error('unknown mode ' + a.mode));
  }
  run(a).then(() => finish(), finish);
}

// keys names the messages of a transaction.
function keys(a, kind) {
  return Array.from({ length: a.count }, (_, i) => `${a.name}-${kind}-${i}`);
}

module.exports = { say, sleep, alive, main, keys };
