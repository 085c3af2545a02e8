import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './ports.js'
import { COOKIE, makeEpmd, nodeNameOf, type RabbitServer, startRabbit } from './rabbit.js'

/** Several nodes of RabbitMQ that are one cluster. */
export interface RabbitCluster extends AsyncDisposable {
  readonly nodes: readonly RabbitServer[]
  /** The URLs of all nodes, beginning with the one at this place. */
  url(first?: number): string
  /** Lets a node and the others hear nothing of each other, until `heal`. Clients reach all of them. */
  partition(node: RabbitServer): Promise<void>
  heal(node: RabbitServer): Promise<void>
  /** How many running nodes of the cluster one of them sees, itself included. */
  seenBy(node: RabbitServer): Promise<number>
}

const PARTITION_TRIES = 5
const SETTLED_MS = 90_000
/** What nodes see just after a change is seldom what they settle on. */
const SETTLING_MS = 500

/** Starts a cluster whose minority pauses while it cannot see the others. It takes some ten seconds. */
export async function startRabbitCluster(size = 3): Promise<RabbitCluster> {
  const ports = await Promise.all(Array.from({ length: size }, () => freePort()))
  const epmdPort = await freePort()
  const epmd = await makeEpmd(epmdPort)
  await epmd.start()
  const config = {
    'cluster_formation.peer_discovery_backend': 'classic_config',
    cluster_partition_handling: 'pause_minority',
    ...Object.fromEntries(
      ports.map((port, index) => [`cluster_formation.classic_config.nodes.${index + 1}`, nodeNameOf(port)]),
    ),
  }
  const nodes: RabbitServer[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()))
    await epmd.stop()
  }
  try {
    // One after the other: each joins those that are up.
    for (const port of ports)
      nodes.push(await startRabbit({ port, epmd: { process: epmd, port: epmdPort }, config }))
  } catch (error) {
    await stop()
    throw error
  }
  // Nodes that are given another cookie for each other cannot connect again.
  const setCookies = async (node: RabbitServer, cookie: string): Promise<void> => {
    const others = nodes.filter((other) => other !== node).map(({ nodeName }) => `'${nodeName}'`)
    await node.eval(
      `[begin erlang:set_cookie(N, '${cookie}'), erlang:disconnect_node(N) end || N <- [${others.join(', ')}]].`,
    )
  }
  const seenBy = async (node: RabbitServer): Promise<number> =>
    Number(await node.eval('length(rabbit_mnesia:cluster_nodes(running)).'))
  /** Waits until all of these see the same number of nodes; returns it. */
  const settled = async (some: readonly RabbitServer[], numbers: readonly number[]): Promise<number> => {
    for (const endMs = Date.now() + SETTLED_MS; ; ) {
      await sleep(SETTLING_MS)
      const [first = 0, ...others] = await Promise.all(some.map(seenBy))
      if (numbers.includes(first) && others.every((other) => other === first)) return first
      if (Date.now() > endMs) throw new Error(`the nodes see ${[first, ...others]} nodes, not ${numbers}`)
    }
  }
  return {
    nodes,
    seenBy,
    url: (first = 0) => nodes.map((_, place) => nodes[(first + place) % size]?.url()).join(';'),
    async partition(node) {
      const others = nodes.filter((other) => other !== node)
      for (let tries = 1; tries <= PARTITION_TRIES; tries++) {
        await setCookies(node, 'apart')
        // RabbitMQ makes a full partition of one that is partial for a moment: if one of the others misses the node while another still sees
        // it, they part from each other, too.
        if ((await settled(others, [1, size - 1])) === size - 1) return
        await setCookies(node, COOKIE)
        await settled(nodes, [size])
      }
      throw new Error(`the other nodes lost each other ${PARTITION_TRIES} times`)
    },
    heal: (node) => setCookies(node, COOKIE),
    [Symbol.asyncDispose]: stop,
  }
}
