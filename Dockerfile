# HomeChat as an image: Python and Debian come from the base, all else from this repository.
# Plain Dockerfile syntax, so that docker, podman and buildah build it alike.
ARG BASE_IMAGE=python:3.13-slim-bookworm

FROM ${BASE_IMAGE} AS build
WORKDIR /srv/homechat
COPY requirements/app.txt requirements/
# The environment leaves its own installer behind: nothing is ever installed in a running container.
RUN python3 -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/app.txt \
    && .venv/bin/pip uninstall --yes --quiet pip setuptools
COPY . .
# Whoever cloned with a strict umask has files that the image's user could not read.
RUN chmod -R a+rX . && .venv/bin/python -m compileall -q homechat migrations

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="HomeChat" \
      org.opencontainers.image.description="A chat for one household, on its own small box."
RUN useradd --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin homechat \
    && install --directory --owner homechat --group homechat --mode 0700 /data
COPY --from=build /srv/homechat /srv/homechat
WORKDIR /srv/homechat
ENV PATH=/srv/homechat/.venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOMECHAT_DATA_DIR=/data \
    HOMECHAT_HOST=0.0.0.0 \
    HOMECHAT_PORT=8000
# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "deploy/healthcheck.py"]
CMD ["sh", "deploy/entrypoint.sh"]
