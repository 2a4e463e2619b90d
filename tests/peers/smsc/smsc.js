// An SMSC on npm's smpp, as moody as it is told: `node smsc.js '{"tps": 100}'`.
//
// It says what happens as JSON lines on stdout (none with "quiet") and takes orders as JSON
// lines on stdin: {"do": "set", ...}, "release", "unbind", "drop", "say". It ends with its
// stdin. Phones ending in 99 are not reached, in 77 answer "退订", in 00 do not exist, unless
// "fates" is false.
'use strict';
const readline = require('readline');
const smpp = require('smpp');

const mood = {
  port: 0,
  delay: 20, // ms until the receipt; -1: before the answer to the submit_sm
  tps: 0, // more than this in a second are throttled
  hold: false, // answer no submit_sm until {"do": "release"}
  receipts: 'both', // "tlv", "text", "both"
  ucs2: false, // the receipt's text as UCS-2
  ids: 'hex', // in the answer: "hex", "dec"
  receiptIds: '', // in the receipt, where another form: "hex", "dec"
  refuseBind: '',
  deaf: false, // answer no enquire_link
  refusePart: 0, // refuse this part of a long SMS
  fates: true,
  key: '', // with "cert", PEM: speak TLS
  cert: '',
  quiet: false,
  ...JSON.parse(process.argv[2] || '{}'),
};
const sessions = new Set();
const held = [];
const pieces = new Map();
let last = 1000;
let second = 0;
let inSecond = 0;

const say = (event, facts = {}) => {
  if (!mood.quiet || event === 'listening') console.log(JSON.stringify({ event, ...facts }));
};
const written = (n, form) => (form === 'hex' ? n.toString(16).toUpperCase().padStart(8, '0') : String(n));
const ends = (phone, ending) => mood.fates && phone.endsWith(ending);
const two = n => String(n).padStart(2, '0');
const minute = d => String(d.getFullYear()).slice(2) + two(d.getMonth() + 1) + two(d.getDate()) + two(d.getHours()) + two(d.getMinutes());
const textOf = q => {
  const body = q.short_message && q.short_message.message && q.short_message.message.length ? q.short_message : q.message_payload;
  return body ? String(body.message === undefined ? body : body.message) : '';
};

// Which part of which SMS it is: by header (8 or 16 bit) or by sar parameters.
function place(q) {
  for (const element of (q.short_message && q.short_message.udh) || []) {
    if (element[0] === 0x00) return [element[2], element[3], element[4]];
    if (element[0] === 0x08) return [element.readUInt16BE(2), element[4], element[5]];
  }
  if (q.sar_msg_ref_num !== undefined) return [q.sar_msg_ref_num, q.sar_total_segments, q.sar_segment_seqnum];
  return [0, 1, 1];
}

function assemble(q) {
  const [reference, total, number] = place(q);
  const key = `${q.destination_addr}/${reference}`;
  const parts = pieces.get(key) || new Map();
  pieces.set(key, parts.set(number, textOf(q)));
  if (parts.size < total) return;
  pieces.delete(key);
  const text = [...parts.keys()].sort((a, b) => a - b).map(n => parts.get(n)).join('');
  say('text', { to: q.destination_addr, text, parts: total });
}

function isThrottled() {
  if (!mood.tps) return false;
  const now = Math.floor(Date.now() / 1000);
  if (now !== second) [second, inSecond] = [now, 0];
  return ++inSecond > mood.tps;
}

function report(q, n, session) {
  const bad = ends(q.destination_addr, '99');
  const id = written(n, mood.receiptIds || mood.ids);
  const now = minute(new Date());
  const stat = bad ? 'UNDELIV' : 'DELIVRD';
  const head = mood.receipts === 'tlv' ? '' : `id:${id} sub:001 dlvrd:${bad ? '000' : '001'} submit date:${now} done date:${now} stat:${stat} err:${bad ? '001' : '000'} text:`;
  const text = head + textOf(q).slice(0, 20);
  const pdu = {
    source_addr: q.destination_addr, source_addr_ton: 1, source_addr_npi: 1, destination_addr: q.source_addr, esm_class: 4,
    short_message: mood.ucs2 ? { message: Buffer.from(text, 'utf16le').swap16() } : text,
  };
  if (mood.ucs2) pdu.data_coding = 8;
  if (mood.receipts !== 'text') Object.assign(pdu, { receipted_message_id: id, message_state: bad ? 5 : 2 });
  toAReceiver(session, pdu);
  if (ends(q.destination_addr, '77')) {
    toAReceiver(session, { source_addr: q.destination_addr, source_addr_ton: 1, destination_addr: q.source_addr, data_coding: 8, short_message: '退订' });
  }
}

// To the session that submitted where it may receive and lives, else to any other.
function toAReceiver(session, pdu) {
  const fit = s => sessions.has(s) && s.receives;
  const one = fit(session) ? session : [...sessions].find(fit);
  if (!one) return setTimeout(toAReceiver, 200, session, pdu);
  one.deliver_sm(pdu, answer => say('deliver_sm_resp', { status: answer.command_status }));
}

function submit(session, q) {
  const no = status => session.send(q.response({ command_status: status }));
  if (isThrottled()) { say('throttled'); return no(smpp.ESME_RTHROTTLED); }
  if (ends(q.destination_addr, '00')) return no(smpp.ESME_RINVDSTADR);
  if (mood.refusePart && place(q)[2] === mood.refusePart) return no(smpp.ESME_RINVMSGLEN);
  const n = ++last;
  const wants = q.registered_delivery & 1;
  say('submit', { to: q.destination_addr, from: q.source_addr, id: written(n, mood.ids), coding: q.data_coding, wants, text: textOf(q), place: place(q) });
  assemble(q);
  if (wants && mood.delay < 0) report(q, n, session);
  const answer = () => {
    session.send(q.response({ message_id: written(n, mood.ids) }));
    if (wants && mood.delay >= 0) setTimeout(report, mood.delay, q, n, session);
  };
  if (mood.hold) held.push({ answer, lost: () => wants && report(q, n, session) }); else answer();
}

const server = smpp.createServer(mood.key ? { key: mood.key, cert: mood.cert } : {}, session => {
  session.on('error', () => session.destroy());
  session.on('close', () => { sessions.delete(session); say('closed'); });
  for (const kind of ['bind_transceiver', 'bind_receiver', 'bind_transmitter']) {
    session.on(kind, q => {
      const no = mood.refuseBind || (q.system_id !== 'esme' || q.password !== 'secret' ? 'ESME_RINVPASWD' : '');
      say('bind', { kind, refused: no });
      if (no) { session.send(q.response({ command_status: smpp[no] })); return session.close(); }
      session.receives = kind !== 'bind_transmitter';
      sessions.add(session);
      session.send(q.response({ system_id: 'NODESMSC' }));
    });
  }
  session.on('enquire_link', q => { say('enquire_link'); if (!mood.deaf) session.send(q.response()); });
  session.on('unbind', q => { say('unbind'); session.send(q.response()); session.close(); });
  session.on('submit_sm', q => submit(session, q));
});
server.listen(mood.port, '127.0.0.1', () => say('listening', { port: server.address().port }));

const orders = {
  set: order => Object.assign(mood, order),
  release: () => { mood.hold = false; held.splice(0).forEach(one => one.answer()); },
  // The answers are lost, the SMS are not: their receipts come.
  report: () => held.splice(0).forEach(one => one.lost()),
  unbind: () => sessions.forEach(s => { sessions.delete(s); s.unbind({}, () => { say('unbind_resp'); s.close(); }); }),
  drop: () => sessions.forEach(s => s.destroy()),
  say: order => toAReceiver(null, order.pdu),
};
readline.createInterface({ input: process.stdin }).on('line', line => { const order = JSON.parse(line); orders[order.do](order); })
  .on('close', () => process.exit(0));
