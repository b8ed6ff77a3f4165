# bash completion for sallyport-check
_sallyport_check() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	--spelling) COMPREPLY=($(compgen -W "any strict" -- "$cur")); return ;;
	--hook) COMPREPLY=($(compgen -W "check-password external-auth" -- "$cur")); return ;;
	--socket) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--root) COMPREPLY=($(compgen -d -- "$cur")); return ;;
	--daemon-user) COMPREPLY=($(compgen -u -- "$cur")); return ;;
	esac
	if [ "$COMP_CWORD" = 1 ]; then
		COMPREPLY=($(compgen -W "pipe checkpassword rclone sftpgo pam --help --version" -- "$cur"))
		return
	fi
	local flags="--socket --service --spelling --daemon-user --help"
	case ${COMP_WORDS[1]} in
	rclone) flags="$flags --root --set" ;;
	sftpgo) flags="$flags --root --hook" ;;
	esac
	COMPREPLY=($(compgen -W "$flags" -- "$cur"))
}
complete -o default -F _sallyport_check sallyport-check
