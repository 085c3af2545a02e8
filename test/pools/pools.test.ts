import { describePool } from '../../packages/lovage/src/worker/pools/pool.suite.js'
import { startPool as start } from './start-pool.js'

describePool({ name: 'async', start: () => start('async') })
describePool({ name: 'solo', start: () => start('solo'), isSolo: true })
describePool({ name: 'prefork', start: (more) => start('prefork', more), hasChildren: true })
describePool({ name: 'threads', start: (more) => start('threads', more), hasChildren: true })
