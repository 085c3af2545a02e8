import { SYSTEMS, workerWords } from './systems.mjs'

/** Cloud Run: a service a worker. It wants an answer at $PORT, which is the worker's own health. */
export function cloudRunFiles() {
  const files = {}
  for (const system of SYSTEMS)
    for (const worker of system.workers)
      files[`cloud-run/${system.name}-${worker.name}.yaml`] = service(system, worker)
  return files
}

const service = (
  system,
  worker,
) => `# gcloud run services replace ${system.name}-${worker.name}.yaml --region us-central1. Made by deploy/make.
apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: ${system.name}-${worker.name}
  annotations: { run.googleapis.com/ingress: internal }
spec:
  template:
    metadata:
      annotations:
        autoscaling.knative.dev/minScale: "1"
        autoscaling.knative.dev/maxScale: "10"
        # A worker works between requests, too.
        run.googleapis.com/cpu-throttling: "false"
    spec:
      containers:
        - image: us-central1-docker.pkg.dev/PROJECT/celery/${system.name}:latest
          command: [/bin/sh, -c]
          args: ['exec /app/node_modules/.bin/celery ${workerWords(system, worker).join(' ')} --metrics-host=0.0.0.0 --metrics-port="$PORT"']
          ports: [{ containerPort: 8080 }]
          env:
            - { name: NODE_ENV, value: production }
            - { name: REDIS_URL, valueFrom: { secretKeyRef: { name: ${system.name}-redis-url, key: latest } } }
            - { name: DATABASE_URL, valueFrom: { secretKeyRef: { name: ${system.name}-database-url, key: latest } } }
          resources: { limits: { cpu: "2", memory: 2Gi } }
          startupProbe: { httpGet: { path: /health/ready }, periodSeconds: 2, failureThreshold: 30 }
          livenessProbe: { httpGet: { path: /health/live }, periodSeconds: 10 }
`
