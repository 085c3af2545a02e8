import type { Consumer } from '../broker/index.js'

/** Stands where the consumer will be until `consume` was called: nothing was claimed, so nothing can be settled. */
export const unstartedConsumer: Consumer = {
  settlesResults: false,
  settle: async (settlements) => settlements.map(({ tag }) => tag),
  demand() {},
  async setQueues() {},
  async pause() {},
  async close() {},
}
