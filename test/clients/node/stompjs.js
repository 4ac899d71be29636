// Drives @stomp/stompjs over TCP; see ../README.md for arguments and output.
'use strict';

const net = require('net');
const { Client } = require('@stomp/stompjs');
const { say, sleep, alive, main, keys } = require('./common');

// A TCPSocket looks like a WebSocket, as far as the library uses one.
class TCPSocket {
  constructor({ host, port }) {
    this.readyState = 0;
    this.binaryType = 'arraybuffer';
    this.url = `tcp://${host}:${port}/`;
    this.socket = net.connect(port, host);
    this.socket.on('connect', () => { this.readyState = 1; this.onopen(); });
    this.socket.on('data', (b) => this.onmessage({ data: new Uint8Array(b).buffer }));
    this.socket.on('error', (err) => { this.reason = err.message; });
    this.socket.on('close', () => {
      this.readyState = 3;
      if (this.onclose) this.onclose({ code: 1000, reason: this.reason || 'closed', wasClean: !this.reason });
    });
  }

  send(data) { this.socket.write(typeof data === 'string' ? data : Buffer.from(data)); }

  close() { this.readyState = 2; this.socket.end(); }

  terminate() { this.socket.destroy(); }
}

// run keeps a client connected to one broker after the other and calls work on
// each connection until it returns true.
function run(a, work) {
  return new Promise((resolve, reject) => {
    let next = 0;
    let broker;
    const client = new Client({
      webSocketFactory: () => {
        broker = a.brokers[next++ % a.brokers.length];
        return new TCPSocket(broker);
      },
      forceBinaryWSFrames: true,
      reconnectDelay: 50,
      connectionTimeout: 2000,
      heartbeatIncoming: 500,
      heartbeatOutgoing: 0,
      discardWebsocketOnCommFailure: true,
    });
    let connected = false;
    client.onConnect = () => {
      connected = true;
      say('connected', { broker: `${broker.host}:${broker.port}` });
      work(client).then(async () => {
        await client.deactivate();
        resolve();
      }, (err) => say('lost', { reason: err.message }));
    };
    client.onStompError = (frame) => say('lost', { reason: frame.headers.message });
    client.onWebSocketClose = (event) => {
      if (connected) say('lost', { reason: event.reason || 'closed' });
      connected = false;
    };
    client.activate();
    alive();
  });
}

// confirmed waits for a receipt; on a connection that is lost it waits for ever.
function confirmed(client, receipt, act) {
  return new Promise((resolve) => {
    client.watchForReceipt(receipt, resolve);
    act();
  });
}

async function send(a) {
  let i = 0;
  let connection = 0;
  await run(a, async (client) => {
    const mine = ++connection;
    while (i < a.count) {
      const key = `${a.name}-${i}`;
      const receipt = `${key}/${mine}`;
      await confirmed(client, receipt, () => client.publish({
        destination: a.destination, body: key, skipContentLengthHeader: true, headers: { persistent: 'true', receipt, ...a.headers },
      }));
      say('confirmed', { key });
      alive();
      i++;
      await sleep(a.pause);
      if (mine !== connection) return new Promise(() => {});
    }
    return undefined;
  });
}

async function receive(a) {
  const seen = new Set();
  await run(a, (client) => new Promise((resolve) => {
    client.subscribe(a.destination, (message) => {
      const key = message.body;
      say('received', { key, redelivered: message.headers.redelivered === 'true' });
      message.ack();
      say('acked', { key });
      alive();
      seen.add(key);
      if (seen.size >= a.count) resolve();
    }, { ack: 'client-individual', 'activemq.prefetchSize': '10', ...a.headers });
  }));
}

async function tx(a) {
  await run(a, async (client) => {
    for (const kind of ['a', 'c']) {
      const all = keys(a, kind);
      const t = client.begin(`${a.name}-${kind}`);
      for (const key of all) {
        client.publish({ destination: a.destination, body: key, headers: { persistent: 'true', transaction: t.id } });
      }
      if (kind === 'c') t.commit(); else t.abort();
      // The library asks for no receipt of these: the one of a frame behind says
      // that they were processed, because receipts keep their order.
      const receipt = `${a.name}-${kind}-end`;
      await confirmed(client, receipt, () => client.publish({
        destination: `${a.destination}.end`, body: kind, headers: { persistent: 'true', receipt },
      }));
      say(kind === 'c' ? 'committed' : 'aborted', { keys: all });
    }
  });
}

main({ send, receive, tx });
