import { isLovageError, type LovageError } from '../../../kernel/index.js'
import { Asker, ClusterMap, type RedisTarget, type ServerAddress } from '../client/index.js'
import { checkServer } from './check.js'

const IN_PRODUCTION = 'In production: '

/**
 * Checks every node of a Cluster that owns slots, and that all slots are owned; advice names the nodes that it is about.
 * @throws {ConnectionError} when no node answers.
 * @throws {ConfigurationError} for a node that cannot work.
 */
export async function checkCluster(target: RedisTarget): Promise<readonly string[]> {
  const map = new ClusterMap(target, target.cluster ?? [target])
  const owners = await map.read()
  const said = new Map<string, string[]>()
  await Promise.all(
    owners.all.map(async (node) => {
      const name = `${node.host}:${node.port}`
      for (const advice of await checkNode(target, node, name))
        said.set(advice, [...(said.get(advice) ?? []), name])
    }),
  )
  const unserved = owners.unserved()
  return [
    ...(unserved.length === 0
      ? []
      : [
          `The Cluster has no node for slots ${unserved.join(', ')}, and what is in them cannot be reached: bring their node back, or run redis-cli --cluster fix.`,
        ]),
    ...[...said].map(([advice, nodes]) => about(nodes.sort(), advice)),
  ]
}

async function checkNode(
  target: RedisTarget,
  node: ServerAddress,
  location: string,
): Promise<readonly string[]> {
  const answer = await new Asker(target).firstOf<ServerAddress, readonly string[] | LovageError>(
    [node],
    async (ask) => {
      try {
        return { value: await checkServer(ask, { location, isNode: true }) }
      } catch (error) {
        // A server that cannot work has answered; one that does not answer has not.
        if (isLovageError(error)) return { value: error }
        throw error
      }
    },
  )
  if (!('value' in answer)) return ['Redis does not answer: look at the server, and at the network between.']
  if (answer.value instanceof Error) throw answer.value
  return answer.value
}

/** The advice with the nodes that it is about. */
function about(nodes: readonly string[], advice: string): string {
  const start = advice.startsWith(IN_PRODUCTION) ? IN_PRODUCTION : ''
  return `${start}${nodes.length === 1 ? 'Node' : 'Nodes'} ${nodes.join(', ')}: ${advice.slice(start.length)}`
}
