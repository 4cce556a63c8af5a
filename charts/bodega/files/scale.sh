# Set the smallest number of pods of each name in MINIMA ("name number" lines).
set -eu
account=/var/run/secrets/kubernetes.io/serviceaccount
api=https://kubernetes.default.svc
printf '%s\n' "$MINIMA" | while read -r name minimum; do
    case $KIND in
    knative)
        path=serving.knative.dev/v1/namespaces/$NAMESPACE/services
        patch='{"spec":{"template":{"metadata":{"annotations":{"autoscaling.knative.dev/min-scale":"'$minimum'"}}}}}'
        ;;
    hpa)
        path=autoscaling/v2/namespaces/$NAMESPACE/horizontalpodautoscalers
        patch='{"spec":{"minReplicas":'$minimum'}}'
        ;;
    esac
    printf 'Authorization: Bearer %s\n' "$(cat $account/token)" |
        curl --fail-with-body -sS -m 30 --retry 5 --cacert $account/ca.crt \
            -o /tmp/answer -X PATCH -H @- \
            -H 'Content-Type: application/merge-patch+json' \
            --data "$patch" "$api/apis/$path/$name" ||
        { cat /tmp/answer; exit 1; }
    echo "$name: at least $minimum"
done
