import { freePort } from './ports.js'
import { makeEpmd, nodeNameOf, type RabbitServer, startRabbit } from './rabbit.js'

/** Several nodes of RabbitMQ that are one cluster. */
export interface RabbitCluster extends AsyncDisposable {
  readonly nodes: readonly RabbitServer[]
  /** The URLs of all nodes, beginning with the one at this place. */
  url(first?: number): string
  /** Lets a node and the others hear nothing of each other, until `heal`. Clients reach all of them. */
  partition(node: RabbitServer): Promise<void>
  heal(node: RabbitServer): Promise<void>
}

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
  // Nodes that are given another cookie for each other cannot connect again. At once: while it saw one and not the other, they would part all three.
  const setCookies = async (node: RabbitServer, cookie: string): Promise<void> => {
    const others = nodes.filter((other) => other !== node).map(({ nodeName }) => `'${nodeName}'`)
    await node.ctl(
      'eval',
      `[begin erlang:set_cookie(N, '${cookie}'), erlang:disconnect_node(N) end || N <- [${others.join(', ')}]].`,
    )
  }
  return {
    nodes,
    url: (first = 0) => nodes.map((_, place) => nodes[(first + place) % size]?.url()).join(';'),
    partition: (node) => setCookies(node, 'apart'),
    heal: (node) => setCookies(node, 'lovage'),
    [Symbol.asyncDispose]: stop,
  }
}
