import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brokerName, isBrokerName, readBrokerUrl, topicOf } from './broker-address.ts';

const strict = { allowMqtt: false };

test('the address of a broker', () => {
  const cases: Readonly<Record<string, readonly [string, string]>> = {
    'mqtts://broker.example': ['broker.example:8883', ''],
    'mqtts://broker.example/': ['broker.example:8883', ''],
    'mqtts://broker.example:443/fleet/bestow': ['broker.example:443', 'fleet/bestow'],
    'MQTTS://Broker.Example:8884/a': ['broker.example:8884', 'a'],
    'mqtts://[2001:DB8::1]/a': ['[2001:db8::1]:8883', 'a'],
    // As for webhooks, whatever an address is written like.
    'mqtts://2130706433/a': ['127.0.0.1:8883', 'a'],
    'mqtts://0x7f.1/a': ['127.0.0.1:8883', 'a'],
  };
  for (const [url, [name, prefix]] of Object.entries(cases)) {
    const address = readBrokerUrl(url, strict);
    assert.deepEqual([brokerName(address), address.prefix, address.tls], [name, prefix, true], url);
  }
  const plain = readBrokerUrl('mqtt://broker.example/a', { allowMqtt: true });
  assert.deepEqual([plain.port, plain.tls], [1883, false]);
});

test('what is no address of a broker, with the reason', () => {
  const cases: Readonly<Record<string, RegExp>> = {
    'mqtt://broker.example/a': /needs events\.allowMqtt/,
    'mqtts://user:secret@broker.example/a': /holds no user name or password/,
    'mqtts://user@broker.example/a': /holds no user name or password/,
    'mqtts://broker.example/a?b=c': /no query/,
    'mqtts://broker.example/a#b': /no query and no fragment/,
    'mqtts://broker.example/a/+/b': /begins its topics/,
    'mqtts://broker.example/a/%23': /begins its topics/,
    'mqtts://broker.example/$SYS': /begins its topics/,
    'mqtts://broker.example/a/': /begins its topics/,
    'mqtts://broker.example//a': /begins its topics/,
    [`mqtts://broker.example/${'a'.repeat(201)}`]: /begins its topics/,
    'mqtts://broker.example/a\nb': /is not the URL of a broker/,
    'mqtts:///a': /is not the URL of a broker/,
    'mqtts://broker.example:99999/a': /is not the URL of a broker/,
    'https://broker.example/a': /is not the URL of a broker/,
  };
  for (const [url, message] of Object.entries(cases))
    assert.throws(() => readBrokerUrl(url, strict), { name: 'TypeError', message }, url);
});

test('names of brokers in the configuration', () => {
  for (const name of [
    'broker.example:8883',
    'Broker.Example:443',
    '[2001:db8::1]:8883',
    '10.0.0.1:1',
  ])
    assert.ok(isBrokerName(name), name);
  for (const name of ['broker.example', 'a@broker.example:1', 'broker.example:1/a', '', ':8883'])
    assert.ok(!isBrokerName(name), name);
});

test('topics', () => {
  const about = { id: 'x', type: 'bestow.device.seen', at: new Date(), data: {} };
  const topic = (prefix: string, more: object) => topicOf(prefix, { ...about, ...more });
  assert.equal(
    topic('fleet/bestow', { tenant: 'acme', subject: 'Pump_7.a@b-c' }),
    'fleet/bestow/acme/bestow.device.seen/Pump_7.a@b-c',
  );
  assert.equal(topic('', {}), '_/bestow.device.seen/_');
  for (const level of ['a/b', '+', 'a#', '', 'a\u0000'])
    for (const more of [{ tenant: level }, { subject: level }, { type: level }])
      assert.throws(() => topic('fleet', more), /cannot stand in the topic/);
});
