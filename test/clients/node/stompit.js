// Drives stompit; see ../README.md for arguments and output.
'use strict';

const stompit = require('stompit');
const { say, sleep, alive, main, keys } = require('./common');

// connect gives a client on whichever broker answers, and a promise that fails
// when it is lost.
function connect(a) {
  const manager = new stompit.ConnectFailover(
    a.brokers.map((b) => ({ host: b.host, port: b.port, connectHeaders: { host: b.host, 'heart-beat': '0,500' } })),
    { maxReconnectDelay: 100, randomize: false, maxReconnects: -1 },
  );
  return new Promise((resolve, reject) => {
    manager.connect((err, client, reconnect, server) => {
      if (err) {
        reject(err);
        return;
      }
      const o = server.serverProperties.connectOptions;
      say('connected', { broker: `${o.host}:${o.port}` });
      const lost = new Promise((_, fail) => client.on('error', fail));
      lost.catch(() => {});
      resolve({ client, lost });
    });
  });
}

// forever runs work on one connection after the other until it succeeds.
async function forever(a, work) {
  for (;;) {
    const { client, lost } = await connect(a);
    const state = { lost: false };
    try {
      await Promise.race([work(client, state), lost]);
      await new Promise((resolve) => client.disconnect(resolve));
      return;
    } catch (err) {
      state.lost = true;
      say('lost', { reason: err.message });
      client.destroy();
    }
  }
}

function sendOne(client, headers, body) {
  return new Promise((resolve) => client.send(headers, { onReceipt: resolve }).end(body));
}

async function send(a) {
  let i = 0;
  await forever(a, async (client, state) => {
    while (i < a.count && !state.lost) {
      const key = `${a.name}-${i}`;
      await sendOne(client, { destination: a.destination, persistent: 'true', ...a.headers }, key);
      say('confirmed', { key });
      alive();
      i++;
      await sleep(a.pause);
    }
  });
}

async function receive(a) {
  const seen = new Set();
  await forever(a, (client) => new Promise((resolve, reject) => {
    const headers = { destination: a.destination, ack: 'client-individual', 'activemq.prefetchSize': '10', ...a.headers };
    client.subscribe(headers, (err, message) => {
      if (err) {
        reject(err);
        return;
      }
      message.readString('utf-8', (err, key) => {
        if (err) {
          reject(err);
          return;
        }
        say('received', { key, redelivered: message.headers.redelivered === 'true' });
        client.ack(message);
        say('acked', { key });
        alive();
        seen.add(key);
        if (seen.size >= a.count) {
          resolve();
        }
      });
    });
  }));
}

async function tx(a) {
  const { client, lost } = await connect(a);
  for (const kind of ['a', 'c']) {
    const all = keys(a, kind);
    const t = client.begin({ transaction: `${a.name}-${kind}` });
    for (const key of all) {
      t.send({ destination: a.destination, persistent: 'true' }).end(key);
    }
    const ended = new Promise((resolve) => {
      const options = { onReceipt: resolve };
      if (kind === 'c') t.commit(options); else t.abort(options);
    });
    await Promise.race([ended, lost]);
    say(kind === 'c' ? 'committed' : 'aborted', { keys: all });
  }
  await new Promise((resolve) => client.disconnect(resolve));
}

main({ send, receive, tx });
