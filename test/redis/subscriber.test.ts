import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { parseRedisUrl, RedisSubscriber } from '../../packages/lovage/src/drivers/redis/client/index.js'
import { startRedis } from '../servers.js'

test('what was published is heard before a subscriber counts as caught up, though its event loop stood still', async () => {
  await using redis = await startRedis()
  const subscriber = new RedisSubscriber(parseRedisUrl(redis.url), 'test')
  try {
    const heard: string[] = []
    await subscriber.subscribe(['channel'], (payload) => heard.push(payload))
    for (let turn = 0; turn < 5; turn++) {
      const caught = subscriber.caughtUp()
      // Nothing is read in between: the server has long answered when it could count as late.
      spawnSync('redis-cli', ['-p', String(redis.port), 'publish', 'channel', String(turn)])
      for (const endMs = performance.now() + 300; performance.now() < endMs; );
      await caught
      expect(heard.at(-1)).toBe(String(turn))
    }
  } finally {
    subscriber.close()
  }
})
