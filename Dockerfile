# The worker's image: distroless Python, the executable, Dagster. Nothing of yours is in it; add that in two lines (docs/deployment.md):
#
#   FROM taskiq
#   COPY --chown=65532:65532 . /app
#   RUN ["python3", "-m", "pip", "install", "-r", "/app/requirements.txt"]    # if your code needs more than Dagster

# The Node that package.json pins: the executable is the one that `npm run build` makes.
FROM node:26.10.0-bookworm-slim AS worker
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY build.mjs tsconfig.json ./
COPY dev dev
COPY core core
COPY cli cli
RUN node build.mjs executable
# The executable needs libatomic, which the final image does not have.
RUN mkdir -p /rootfs/usr/lib /rootfs/usr/local/bin /rootfs/usr/share/doc/taskiq \
  && cp -L /usr/lib/*-linux-gnu/libatomic.so.1 /rootfs/usr/lib/ \
  && cp dist/taskiq /rootfs/usr/local/bin/ \
  && cp dist/LICENSES.txt dist/sbom.cdx.json /rootfs/usr/share/doc/taskiq/

# The Python of the final image, 3.11, with what it takes to install packages.
FROM python:3.11-slim-bookworm AS packages
WORKDIR /build
COPY deploy/image/requirements.lock ./
RUN python3 -m pip install --no-cache-dir --no-deps --require-hashes --target /packages -r requirements.lock
COPY python python
RUN python3 -m pip install --no-cache-dir --no-deps --target /packages ./python

FROM gcr.io/distroless/python3-debian12:nonroot
COPY --from=worker /rootfs /
COPY --from=packages --chown=65532:65532 /packages /packages
COPY --chown=65532:65532 deploy/image/dagster.yaml /opt/dagster/home/
# /app comes first, for your code; /packages holds what pip installs, Dagster among it.
ENV DAGSTER_HOME=/opt/dagster/home \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_TARGET=/packages \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/app:/packages \
    PYTHONUNBUFFERED=1 \
    TASKIQ_PYTHON=/usr/bin/python3 \
    TMPDIR=/tmp
WORKDIR /app
# The one place to write to; a container without it as a volume needs a tmpfs there when its root is read-only.
VOLUME /tmp
USER 65532:65532
ENTRYPOINT ["taskiq"]
CMD ["run"]
