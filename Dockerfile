# The worker's image: distroless Python, the executable, Dagster. Nothing of yours is in it; add that in three (docs/deployment.md):
#
#   FROM taskiq
#   COPY --chown=65532:65532 . /app
#   RUN ["python3", "-m", "pip", "install", "/app"]

# The Node that package.json pins: the executable is the one that `npm run build` makes.
FROM node:26.10.0-bookworm-slim AS worker
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY build.mjs tsconfig.json ./
COPY dev dev
COPY core core
COPY cli cli
# What `taskiq --version --json` names; there is no repository here to ask.
ARG TASKIQ_COMMIT=""
ARG SOURCE_DATE_EPOCH=""
RUN TASKIQ_COMMIT="$TASKIQ_COMMIT" SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" node build.mjs executable
# The executable needs libatomic, which the final image does not have.
RUN mkdir -p /rootfs/usr/lib /rootfs/usr/local/bin /rootfs/usr/share/doc/taskiq \
  && cp -L /usr/lib/*-linux-gnu/libatomic.so.1 /rootfs/usr/lib/ \
  && cp dist/taskiq /rootfs/usr/local/bin/ \
  && cp dist/LICENSES.txt dist/sbom.cdx.json /rootfs/usr/share/doc/taskiq/

# The Python of the final image, 3.11, with what it takes to install packages. They go into a virtual environment, so that pip in an image that is
# built on this one sees what is there, installs what is missing, and replaces what has to be another version.
FROM python:3.11-slim-bookworm AS packages
WORKDIR /build
ARG SITE=/packages/lib/python3.11/site-packages
COPY deploy/image/requirements.lock ./
RUN python3 -m pip install --no-cache-dir --no-deps --require-hashes --target "$SITE" -r requirements.lock
COPY python python
RUN python3 -m pip install --no-cache-dir --no-deps --target "$SITE" ./python
# The environment's Python is that of the final image. The scripts that pip wrote are for this image's.
RUN rm -r "${SITE:?}/bin" \
  && mkdir /packages/bin \
  && ln -s /usr/bin/python3 /packages/bin/python3 \
  && printf 'home = /usr/bin\ninclude-system-site-packages = false\n' > /packages/pyvenv.cfg

FROM gcr.io/distroless/python3-debian12:nonroot
COPY --from=worker /rootfs /
COPY --from=packages --chown=65532:65532 /packages /packages
COPY --chown=65532:65532 deploy/image/dagster.yaml /opt/dagster/home/
# /app is for your code, without a package too. python3 is that of /packages, where pip installs and where Dagster is.
ENV DAGSTER_HOME=/opt/dagster/home \
    DAGSTER_POSTGRES_PORT=5432 \
    PATH=/packages/bin:/usr/local/bin:/usr/bin \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    TASKIQ_PYTHON=/packages/bin/python3 \
    TMPDIR=/tmp
WORKDIR /app
# The one place to write to; a container without it as a volume needs a tmpfs there when its root is read-only.
VOLUME /tmp
USER 65532:65532
ENTRYPOINT ["taskiq"]
CMD ["run"]
