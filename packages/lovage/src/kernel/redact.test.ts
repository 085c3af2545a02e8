import { describe, expect, test } from 'vitest'
import { isSecretName, MASK, maskSecrets, redactUrl } from './redact.js'

describe('a URL', () => {
  test.each<[what: string, url: string, shown: string]>([
    ['keeps what is no secret', 'redis://host:6379/0', 'redis://host:6379/0'],
    ['keeps a user alone', 'amqp://guest@host/', 'amqp://guest@host/'],
    ['hides a password', 'redis://:canary@host:6379/0', 'redis://:**@host:6379/0'],
    ['hides one with an @', 'amqp://me:can@ary@host/v', 'amqp://me:**@host/v'],
    ['hides one with a slash', 'redis://:can/ary@host/0', 'redis://:**@host/0'],
    ['hides one with both', 'postgresql://me:c@n/a?r#y@host/db', 'postgresql://me:**@host/db'],
    ['hides one that begins with digits', 'redis://me:12/canary@host/0', 'redis://me:**@host/0'],
    [
      'hides each of several',
      'redis://:canary1@a;redis://:canary2@b, amqp://u:canary3@c',
      'redis://:**@a;redis://:**@b, amqp://u:**@c',
    ],
    ['keeps an @ in a path of the web', 'https://host:8080/@ada', 'https://host:8080/@ada'],
    [
      'hides secrets of a query',
      'postgresql://h/db?sslpassword=canary&sslmode=require&password=canary',
      'postgresql://h/db?sslpassword=**&sslmode=require&password=**',
    ],
    [
      'is found in a sentence',
      'cannot reach redis://:canary@h: refused',
      'cannot reach redis://:**@h: refused',
    ],
  ])('%s', (_what, url, shown) => expect(redactUrl(url)).toBe(shown))
})

test('short names of secrets are known, and words that only hold them are not', () => {
  const secrets = [
    'passphrase',
    'pwd',
    'db_pwd',
    'dbPwd',
    'pass',
    'auth',
    'basic_auth',
    'basicAuth',
    'authorization',
  ]
  expect(secrets.filter((name) => !isSecretName(name))).toEqual([])
  expect(['author', 'authors', 'passenger', 'compass', 'bypass', 'passed'].filter(isSecretName)).toEqual([])
})

test('settings hide secrets by name at any depth', () => {
  const deep = { a: { b: { c: { d: { e: { f: { g: { pwd: 'canary' } } } } } } } }
  expect(JSON.stringify(maskSecrets('brokerTransportOptions', deep))).not.toContain('canary')
  expect(maskSecrets('sslpassword', 'canary')).toBe(MASK)
})
