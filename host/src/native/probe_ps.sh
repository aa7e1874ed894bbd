# Where /proc is not Linux's, `ps` tells what it can. Asked is only for what stands in each of the manuals ps(1) of FreeBSD 14,
# OpenBSD 7 and macOS 14: -a -x -w -o -p (one process: OpenBSD), and the columns below. `comm` is a path on macOS, `sess` an address.
if [ ! -r "/proc/$$/task/$$/stat" ]; then
TZ=UTC0; export TZ
case $(uname -s) in Linux) line=-F ;; *) line=-f ;; esac
table() {
  ps -axww -o pid= -o ppid= -o pgid= -o tpgid= -o uid= -o stat= -o tty= -o wchan= -o lstart= -o ucomm=
}
# The rows of: the children of a process; it and all below it; or these and what else is on its terminal. A table without
# ourselves in it is no table, and that is said.
pick() {
  table | awk -v root="$1" -v how="$2" -v own="$$" '
    { row[NR] = $0; pid[NR] = $1; parent[NR] = $2; tty[NR] = $7; if ($1 == own) whole = 1; if ($1 == root) first = NR }
    function tell(i) { if (!told[i] && n < 512) { told[i] = 1; tree[pid[i]] = 1; n++; grown = 1; print "p", row[i] } }
    function grow() { do { grown = 0; for (i = 1; i <= NR; i++) if (parent[i] in tree) tell(i) } while (grown && n < 512) }
    END {
      if (!whole) { print "?"; exit }
      if (how == "kin") { for (i = 1; i <= NR; i++) if (parent[i] == root) tell(i); exit }
      if (!first) exit
      tell(first); grow()
      if (how != "facts" || tty[first] !~ /[a-z0-9]/) exit
      for (i = 1; i <= NR; i++) if (tty[i] == tty[first]) tell(i)
      grow()
    }'
}
# Blanks in an argument are not told from those between two.
argv() { say a; ps -ww -o args= -p "$1" | tr ' \n' '\000\000' | od -An -v -tx1 -N4096; }
files() {
  say "/proc/$1/fd:"
  if command -v fstat >/dev/null; then
    # fstat(1) of the BSDs: USER CMD PID FD, then MOUNT INUM MODE DEVICE R/W, or after an asterisk what is no file.
    fstat -p "$1" | awk -v pid="$1" '{
      for (i = 2; i < NF && $i != pid; i++);
      fd = $(i + 1); kind = $(i + 2)
      if (fd ~ /^[0-9]+\*$/) print "", fd + 0, "->", (kind ~ /^(inet|internet|local|unix)/ ? "socket:" : kind)
      else if (fd ~ /^[0-9]+$/ && $(i + 4) ~ /^c/) print "", fd, "->", "/dev/" $(i + 5)
    }'
  else
    lsof -nPw -a -p "$1" -F ftn | awk '
      /^f/ { fd = substr($0, 2) }
      /^t/ { type = substr($0, 2); if (fd ~ /^[0-9]+$/ && type ~ /^(IPv|unix)/) print "", fd, "->", "socket:" }
      /^n/ { if (fd ~ /^[0-9]+$/ && type == "CHR") print "", fd, "->", substr($0, 2) }'
  fi
}
facts() {
  rows=$(pick "$1" facts); say "$rows"
  members=$(say "$rows" | awk '$1 == "p" { if (!fg) { fg = $5; print $8 } if ($4 == fg && $7 !~ /^Z/ && n++ < 16) print $2, $9 }')
  tty=${members%%
*}
  say "$members" | { read -r p; while read -r p w; do say "m $p"; say "t -"; say "w $w"; argv "$p"; done; }
  say x; say l
  # Only who does not read a terminal may have it among others.
  say "$members" | { read -r p; while read -r p w; do case $w in tty*) ;; *) files "$p" ;; esac; done; }
  say y; stty -a "$line" "/dev/$tty"
}
procs() {
  date '+n %a %b %e %H:%M:%S %Y'
  rows=$(pick "$1" tree); say "$rows"
  say "$rows" | awk '$1 == "p" && n++ < 24 { print $2 }' | while read -r p; do say "m $p"; argv "$p"; done
}
# Neither sessions nor environments are told alike by all of them.
strays() { :; }
kin() { pick "$PPID" kin; }
# Without `ps` or `awk` nothing is seen here, and nothing is guessed.
case $(kin) in *p*) ;; *) say "KEY blind"; exit ;; esac
fi
