# The costs of the table, and the memory. Wants -e "name = 'build/growth'; names = 'KIND|KIND'".
set terminal svg size 1200,520 font 'sans,13' background 'white'
set output name.'.svg'
set datafile separator tab
data = name.'.data'
small = names[:strstrt(names, '|') - 1]
large = names[strstrt(names, '|') + 1:]
array cost[5] = ['read() of the same file', 'login, no saved index', 'login, mailbox unchanged', \
	'login, one mail appended', 'UIDL']
colors = '#888888 #0060ad #009e73 #cc79a7 #d95f02'
points = '1 7 9 5 13'
set multiplot layout 1,3 margins 0.06,0.985,0.30,0.92 spacing 0.065
set logscale xy
set format '%h'
set grid
set key at screen 0.36,0.085 center maxrows 2 Left reverse
set title large
set xlabel 'size of the mailbox, MB'
set ylabel 'milliseconds' offset 1
plot for [n = 1:5] data index 1 using 2:n+2 with linespoints \
	lw 2 lc rgb word(colors, n) pt (word(points, n) + 0) ps 0.6 title cost[n]
unset key
unset ylabel
set title small
set xlabel 'messages'
set format x '%.0s%c'
plot for [n = 1:5] data index 0 using 1:n+2 with linespoints \
	lw 2 lc rgb word(colors, n) pt (word(points, n) + 0) ps 0.6
set key at screen 0.84,0.085 center maxrows 2 Left reverse
set title 'peak memory of a session, KB'
plot data index 1 using 1:8 with linespoints lw 2 lc rgb '#0060ad' pt 7 ps 0.6 title large, \
	data index 0 using 1:8 with linespoints lw 2 lc rgb '#d95f02' pt 13 ps 0.6 title small
unset multiplot
