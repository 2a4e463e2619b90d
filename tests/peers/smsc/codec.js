// node-smpp's codec as an oracle: JSON lines in, JSON lines out.
// {"command": "submit_sm", "options": {...}} -> its bytes as hex; {"hex": "..."} -> its facts.
'use strict';
const readline = require('readline');
const { PDU } = require('smpp');

const plain = (key, value) => (value && value.type === 'Buffer' ? Buffer.from(value.data).toString('hex') : value);
// Octets are given as {"octets": hex}.
const octets = (key, value) => (value && value.octets !== undefined ? Buffer.from(value.octets, 'hex') : value);

readline.createInterface({ input: process.stdin }).on('line', line => {
  const asked = JSON.parse(line, octets);
  if (asked.hex === undefined) return console.log(JSON.stringify(new PDU(asked.command, asked.options).toBuffer().toString('hex')));
  return console.log(JSON.stringify(new PDU(Buffer.from(asked.hex, 'hex')), plain));
});
