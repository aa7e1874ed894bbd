say "KEY ready $(uname -s) $(uname -m) $$ ${SHELL##*/}"
while read -r verb a b; do
  case $verb in
    f) facts "$a" ;;
    p) procs $a $b ;;
    o) procs $(strays "$a") ;;
    c) kin ;;
    e) echo_on "$a" ;;
    k) kill -s "$a" -- "$b" && say done ;;
  esac
  say KEY
done
