import { describeBroker } from '../../../broker/broker.suite.js'
import { newId } from '../../../kernel/index.js'
import { openMemoryBroker } from './index.js'

describeBroker({
  name: 'memory',
  start: async () => {
    const url = `memory://${newId()}`
    const keeper = await openMemoryBroker(url)
    return { open: () => openMemoryBroker(url), stop: () => keeper.close() }
  },
})
