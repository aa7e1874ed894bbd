# The eyes of one connection: answers questions about processes, one line each, and ends every answer with a line of its own.
exec 2>/dev/null
LC_ALL=C; export LC_ALL
say() { printf '%s\n' "$*"; }
look() { s=; IFS= read -r s </proc/$1/stat; [ -n "$s" ] && say "s $s"; }
tree() {
  todo=$*; seen=0
  while [ -n "$todo" ] && [ "$seen" -lt 512 ]; do
    set -- $todo; todo=
    for p do
      look "$p" || continue
      seen=$((seen + 1))
      set -- ${s##*) }
      # Of the foreground group, or below it without a terminal of its own, as what `su -c` starts.
      case $3:$5 in
        "$fg":*) ;;
        *:0) case " $members " in *" $2 "*) ;; *) set -- Z ;; esac ;;
        *) set -- Z ;;
      esac
      [ "$1" != Z ] && members="$members $p"
      for f in /proc/$p/task/*/children; do k=; read -r k <"$f"; todo="$todo $k"; done
    done
  done
}
threads() {
  n=0
  for t in /proc/$1/task/*; do
    c=; read -r c <"$t/syscall"; w=; read -r w <"$t/wchan"
    say "t ${c:--}"; say "w ${w:--}"
    n=$((n + 1)); [ "$n" -lt 32 ] || break
  done
}
argv() { say a; od -An -v -tx1 -N4096 /proc/$1/cmdline; }
facts() {
  look "$1" || return
  set -- "$1" ${s##*) }
  fg=$7; members=; tty=$(($6 & 255 | $6 >> 12 & 1048320))
  tree "$1"
  exe=$1; fds=; n=0
  for p in $members; do
    n=$((n + 1)); [ "$n" -le 16 ] || break
    say "m $p"; threads "$p"; argv "$p"
    exe="$exe $p"; fds="$fds /proc/$p/fd"
  done
  set --
  for p in $exe; do set -- "$@" "/proc/$p/exe" "/proc/$p"; done
  say x; stat -L -c '%n %d %i %u' "$@"
  say l; ls -l "/proc/${exe%% *}/exe" $fds /dev/null
  say y; stty -a -F "/dev/pts/$tty"
}
# A shell without a line editor goes on as what was ended left the terminal.
echo_on() {
  s=; IFS= read -r s </proc/$1/stat || return
  set -- ${s##*) }
  # What is in front by now may have turned it off itself.
  [ "$3" = "$6" ] || return
  t=/dev/pts/$(($5 & 255 | $5 >> 12 & 1048320))
  # A line editor shows by itself what is typed: with the terminal's echo it would stand there twice.
  case $(stty -a -F "$t") in *-icanon*) return ;; esac
  stty echo -F "$t" && say done
}
# The processes that left the tree of a shell or a command: those of its session, and those with the environment that the
# server gave to this shell alone, after their parents have gone.
strays() {
  top=$1; s=; ours=" "; pairs=; IFS= read -r s </proc/$top/stat; set -- ${s##*) }
  tty=${5:-0}
  # None is 0. The first pty is /dev/pts/0, and its number is not.
  if [ "$tty" -ne 0 ] && [ -n "$SSH_CONNECTION" ]; then
    mine=SSH_TTY=/dev/pts/$(($tty & 255 | $tty >> 12 & 1048320))
    for f in $(grep -lF "$mine" /proc/[0-9]*/environ); do
      n=$(tr '\0' '\n' <"$f" | grep -cxF -e "$mine" -e "SSH_CONNECTION=$SSH_CONNECTION")
      f=${f#/proc/}; [ "$n" = 2 ] && ours="$ours${f%/environ} "
    done
  fi
  for f in /proc/[0-9]*; do
    p=${f#/proc/}; s=; IFS= read -r s <"$f/stat"; set -- ${s##*) }
    [ "$4" = "$top" ] && ours="$ours$p "
    case $ours in *" $p "*) pairs="$pairs $p:$2" ;; esac
  done
  for p in $pairs; do case $ours in *" ${p#*:} "*) ;; *) [ "${p%:*}" = "$top" ] || say "${p%:*}" ;; esac; done
}
procs() {
  fg=; members=; read -r up idle </proc/uptime; say "u $up"
  all=$(tree "$@"); say "$all"
  n=0
  printf '%s\n' "$all" | while read -r v p rest; do
    n=$((n + 1)); [ "$n" -le 24 ] || break
    say "m $p"; argv "$p"
  done
}
kin() {
  c=; k=; for f in /proc/$PPID/task/*/children; do read -r k <"$f"; c="$c $k"; done
  set -- $c
  if [ $# -gt 0 ]; then for p do look "$p"; done; return; fi
  for f in /proc/[0-9]*; do
    p=${f#/proc/}; s=; IFS= read -r s <"$f/stat"; set -- ${s##*) }
    [ "$2" = "$PPID" ] && say "s $s"
  done
}
