# The ratios of the table: a panel for a kind of mailbox, a dot for a server.
# Wants -e "name = 'build/bench'; names = 'SERVER...'".
set terminal svg size 1200,440 font 'sans,13' background 'white'
set output name.'.svg'
set datafile separator tab
kind(k) = system(sprintf("sed -n 's/^# \\(.*\\):.*/\\1/p' '%s.data' | sed -n %dp", name, k))
set multiplot layout 1,4 margins 0.17,0.985,0.17,0.83 spacing 0.015
set label 1 'Time against wc -l (login), cat (LIST to TOP), cp + sync (QUIT) of the same mailbox: left of the line is faster' \
	at screen 0.5,0.95 center
set key at screen 0.5,0.035 center maxrows 1 reverse Left
set logscale x
set xrange [0.0005:200]
set xtics ('.001' 0.001, '.01' 0.01, '.1' 0.1, '1' 1, '10' 10, '100' 100)
set yrange [10.5:-0.5]
set ytics 0,1,10
set grid
set arrow from 1,graph 0 to 1,graph 1 nohead lw 2 lc rgb '#888888'
do for [k = 1:4] {
	set title kind(k)
	if (k == 1) {
		plot for [n = 1:words(names)] name.'.data' index k - 1 using 2*n+3:0:ytic(1) \
			with points pt 5+2*n ps 0.9 lc rgb word('#0060ad #d95f02', n) title word(names, n)
		unset key
		unset label 1
		set format y ''
	} else {
		plot for [n = 1:words(names)] name.'.data' index k - 1 using 2*n+3:0 \
			with points pt 5+2*n ps 0.9 lc rgb word('#0060ad #d95f02', n)
	}
}
unset multiplot
