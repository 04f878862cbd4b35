# Builds the bridge from source:
#
#   docker build --build-arg VERSION=1.2.3 --build-arg REVISION=$(git rev-parse HEAD) -t kafka-import-bridge:1.2.3 .
#
# GO_IMAGE is any image with the Go toolchain and a shell, such as a mirror's or
# one pinned by digest. Dockerfile.binary packs a binary that is there already.
ARG GO_IMAGE=docker.io/library/golang:1.26
FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY internal internal
COPY charts charts
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
ARG REVISION=unknown
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -trimpath \
    -ldflags "-s -w -X main.version=${VERSION} -X main.revision=${REVISION}" -o /bridge ./cmd/bridge

# Nothing but the binary: it is static, and holds the roots that verify the
# import API where a system has none.
FROM scratch
ARG VERSION=dev
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG SOURCE=https://example.com/kafka-import-bridge
LABEL org.opencontainers.image.title="kafka-import-bridge" \
      org.opencontainers.image.description="Imports Kafka records in batches per namespace, losing none" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="kafka-import-bridge" \
      org.opencontainers.image.authors="kafka-import-bridge maintainers" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.url="${SOURCE}" \
      org.opencontainers.image.documentation="${SOURCE}"
COPY --from=build --chmod=0555 /bridge /bridge
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/bridge"]
CMD ["run"]
