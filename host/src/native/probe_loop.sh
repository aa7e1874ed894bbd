say "KEY ready $(uname -s) $(uname -m) $$ ${SHELL##*/}"
while read -r verb a b; do
  case $verb in
    f) facts "$a" ;;
    p) procs $a $b ;;
    o) procs $(strays "$a") ;;
    c) kin ;;
    k) kill -s "$a" -- "$b" && say done ;;
  esac
  say KEY
done
