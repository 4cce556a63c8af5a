#!/bin/sh
# A private one-node Kafka broker (KRaft) on 127.0.0.1.
#   kafka.sh fetch             jars from Maven Central into the cache, once
#   kafka.sh start DIR PORT    data, log and pid go to DIR; returns when it is
#                              up; PORT + 1 is the controller's
#   kafka.sh stop DIR
set -eu
. "$(dirname "$0")/alive.sh"

version=3.9.1
cache=${XDG_CACHE_HOME:-$HOME/.cache}/bodega/kafka
lib=$cache/lib-$version

usage() {
    echo "usage: kafka.sh fetch | start DIR PORT | stop DIR" >&2
    exit 2
}

running() { [ -s "$1/kafka.pid" ] && alive "$(cat "$1/kafka.pid")"; }

pom() {
    cat <<EOF
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>bodega</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>$version</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
EOF
}

fetch() {
    [ -e "$lib/.complete" ] && return
    mkdir -p "$lib"
    pom >"$cache/pom.xml"
    # Quiet or not, Debian's Maven writes colours to the terminal.
    mvn -q -B -f "$cache/pom.xml" dependency:copy-dependencies \
        -DoutputDirectory="$lib" >"$cache/fetch.log" 2>&1 || {
        cat "$cache/fetch.log" >&2
        return 1
    }
    : >"$lib/.complete"
}

config() {
    cat <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$(($2 + 1))
listeners=PLAINTEXT://127.0.0.1:$2,CONTROLLER://127.0.0.1:$(($2 + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$2
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$1/log
num.network.threads=1
num.io.threads=2
num.partitions=1
auto.create.topics.enable=true
default.replication.factor=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216
EOF
}

run() {
    java -Xmx384m -Xms128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$lib/*" "$@"
}

start() {
    dir=$1 port=$2
    fetch
    mkdir -p "$dir"
    running "$dir" && return
    rm -f "$dir/kafka.out"
    config "$dir" "$port" >"$dir/server.properties"
    if [ ! -e "$dir/log/meta.properties" ]; then
        run kafka.tools.StorageTool format -t Ym9kZWdhLWthZmthLTAwMQ \
            -c "$dir/server.properties" >"$dir/format.out" 2>&1
    fi
    java -Xmx384m -Xms128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
        -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
        -cp "$lib/*" kafka.Kafka "$dir/server.properties" \
        >"$dir/kafka.out" 2>&1 &
    echo $! >"$dir/kafka.pid"
    tries=0
    until grep -q "Kafka Server started" "$dir/kafka.out" 2>/dev/null; do
        tries=$((tries + 1))
        if [ $tries -gt 600 ] || ! running "$dir"; then
            echo "kafka.sh: no broker, see $dir/kafka.out" >&2
            exit 1
        fi
        sleep 0.2
    done
}

stop() {
    running "$1" || return 0
    kill "$(cat "$1/kafka.pid")"
    while running "$1"; do sleep 0.1; done
    rm -f "$1/kafka.pid"
}

case "${1:-} $#" in
"fetch 1") fetch ;;
"start 3") start "$2" "$3" ;;
"stop 2") stop "$2" ;;
*) usage ;;
esac
