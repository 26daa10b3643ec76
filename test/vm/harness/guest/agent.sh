#!/bin/sh
# Serves the harness on the second serial port, one line a message. There come
#   run ID PREFIX…    run ID.sh, under the prefix's words (such as setpriv …), its output to ID.out and ID.err
#   kill ID SIGNAL    signal the command's process group
# and back go
#   ready             the guest is up
#   done ID STATUS    a command has ended; 128 + N: by signal N
# Commands run side by side, in the working tree. Their files are in a directory of the machine that the guest can write.
files=/run/ixy
groups=/run/groups

run() {
  id=$1
  shift
  setsid "$@" sh "$files/$id.sh" </dev/null >"$files/$id.out" 2>"$files/$id.err" &
  echo $! >"$groups/$id"
  wait $!
  echo "done $id $?"
}

serve() {
  stty raw -echo
  echo ready
  while read -r verb id words; do
    case $verb in
      # shellcheck disable=SC2086 # words of a command
      run) run "$id" $words & ;;
      kill) kill -s "$words" -- "-$(cat "$groups/$id")" ;;
    esac
  done
}

# shellcheck disable=SC2154 # from the kernel's command line
cd "$project" || exit
mkdir "$groups"
serve </dev/ttyS1 >/dev/ttyS1 &
# The first process is the parent of every orphan: waiting reaps them.
wait
