//! The machine that measures: its name, and what may disturb the measurement.

use std::fs::read_to_string;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Processor time that others took while something was measured, in shares of a core.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Disturbance {
    /// Programs of this machine.
    pub others: f64,
    /// Other virtual machines on the same hardware.
    pub stolen: f64,
}

/// Shares of a core above which a disturbance is worth a warning.
const NOTABLE: f64 = 0.05;

/// The name of the device: what the board's firmware or the processor says of itself.
pub fn device_name() -> Option<String> {
    let board = read_to_string("/sys/firmware/devicetree/base/model").ok();
    let board = board.map(|model| model.trim_matches(['\0', '\n', ' ']).to_owned());
    board.or_else(|| processor(&read_to_string("/proc/cpuinfo").ok()?)).filter(|name| !name.is_empty())
}

fn processor(cpuinfo: &str) -> Option<String> {
    let field = |key: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    field("model name").or_else(|| field("Hardware"))
}

/// The last of the cores that this thread may run on.
pub fn last_core() -> usize {
    let allowed = sched_getaffinity(None).unwrap_or_default();
    (0..CpuSet::MAX_CPU).rev().find(|cpu| allowed.is_set(*cpu)).unwrap_or(0)
}

/// Keeps this thread, and those that it starts, on one core.
///
/// # Errors
/// The operating system's: there may be no such core.
pub fn pin(cpu: usize) -> std::io::Result<()> {
    if cpu >= CpuSet::MAX_CPU {
        return Err(std::io::Error::from(std::io::ErrorKind::InvalidInput));
    }
    let mut cores = CpuSet::new();
    cores.set(cpu);
    Ok(sched_setaffinity(None, &cores)?)
}

/// What makes measurements on a core doubtful before they begin.
pub fn warnings(cpu: usize) -> Vec<String> {
    let of_core = |name: &str| {
        let text = read_to_string(format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/{name}")).ok()?;
        Some(text.trim().to_owned())
    };
    let governor = of_core("scaling_governor").as_deref().and_then(governor_warning);
    let number = |name: &str| of_core(name)?.parse::<f64>().ok();
    let frequency = number("scaling_cur_freq").zip(number("cpuinfo_max_freq")).and_then(frequency_warning);
    let load = read_to_string("/proc/loadavg").ok().and_then(|text| load_warning(&text));
    [governor, frequency, load].into_iter().flatten().collect()
}

fn governor_warning(governor: &str) -> Option<String> {
    (governor != "performance").then(|| {
        format!("the governor of the core is `{governor}`: set it to `performance`, or frequencies will vary")
    })
}

fn frequency_warning((now, most): (f64, f64)) -> Option<String> {
    (now < 0.9 * most).then(|| {
        format!("the core runs at {:.1} of {:.1} GHz: is it hot, or saving power?", now / 1e6, most / 1e6)
    })
}

fn load_warning(loadavg: &str) -> Option<String> {
    let load: f64 = loadavg.split_whitespace().next()?.parse().ok()?;
    (load > 0.5).then(|| format!("the load of the machine is {load}: stop what else is running"))
}

/// Processor time since the machine started, in ticks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ticks {
    all: f64,
    busy: f64,
    stolen: f64,
    own: f64,
    cores: f64,
}

impl Ticks {
    /// Now; `None` where the system does not tell.
    pub fn now() -> Option<Self> {
        Self::parse(&read_to_string("/proc/stat").ok()?, &read_to_string("/proc/self/stat").ok()?)
    }

    fn parse(stat: &str, own: &str) -> Option<Self> {
        let numbers =
            |text: &str| -> Vec<f64> { text.split_whitespace().filter_map(|n| n.parse().ok()).collect() };
        let all = numbers(stat.lines().find_map(|line| line.strip_prefix("cpu "))?);
        let [user, nice, system, idle, waiting, irq, soft_irq, stolen] = all.get(..8)?.try_into().ok()?;
        let cores = stat.lines().filter(|line| line.starts_with("cpu")).count() as f64 - 1.0;
        // The program's name, in brackets, may hold anything.
        let own = numbers(own.rsplit_once(')')?.1);
        let busy = user + nice + system + irq + soft_irq;
        let own = own.get(10)? + own.get(11)?;
        Some(Self { all: busy + idle + waiting + stolen, busy, stolen, own, cores })
    }

    /// What others took between two moments.
    pub fn disturbance(self, later: Self) -> Disturbance {
        let ticks_of_a_core = (later.all - self.all) / self.cores.max(1.0);
        let share = |ticks: f64| if ticks_of_a_core > 0.0 { (ticks / ticks_of_a_core).max(0.0) } else { 0.0 };
        Disturbance {
            others: share((later.busy - self.busy) - (later.own - self.own)),
            stolen: share(later.stolen - self.stolen),
        }
    }
}

impl Disturbance {
    /// What to say of it.
    pub fn warnings(self) -> Vec<String> {
        let said = [(self.others, "other programs took"), (self.stolen, "other virtual machines took")];
        let notable = said.into_iter().filter(|(share, _)| *share > NOTABLE);
        notable.map(|(share, who)| format!("{who} {:.0} % of a core meanwhile", 100.0 * share)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_processors() {
        assert_eq!(
            processor("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n").as_deref(),
            Some("Some CPU @ 2 GHz")
        );
        assert_eq!(processor("processor : 0\nHardware : Board X\n").as_deref(), Some("Board X"));
        assert_eq!(processor("processor : 0\n"), None);
    }

    #[test]
    fn what_others_took() {
        let stat = |user, idle, stolen| {
            format!("cpu  {user} 0 0 {idle} 0 0 0 {stolen} 0 0\ncpu0 1 2\ncpu1 1 2\nintr 5\n")
        };
        let own = |user, system| format!("7 (a (b) 1) S 1 1 1 1 1 1 1 1 1 1 {user} {system} 0 0\n");
        let ticks = |s: &str, o: &str| Ticks::parse(s, o).expect("ticks");
        let before = ticks(&stat(100, 900, 0), &own(10, 1));
        let after = ticks(&stat(230, 960, 10), &own(100, 11));
        // 200 ticks of two cores, so 100 of each; others took 30 of 130.
        assert_eq!(before.disturbance(after), Disturbance { others: 0.3, stolen: 0.1 });
        assert_eq!(before.disturbance(after).warnings().len(), 2);
        assert_eq!(before.disturbance(before), Disturbance::default());
        assert_eq!(Ticks::parse("cpu 1 2", "x"), None);
    }

    #[test]
    fn doubtful_circumstances() {
        assert!(governor_warning("powersave").is_some() && governor_warning("performance").is_none());
        assert!(frequency_warning((1e6, 2e6)).is_some() && frequency_warning((2e6, 2e6)).is_none());
        assert!(load_warning("1.71 0.4 0.1 1/2 3").is_some() && load_warning("0.20 4 4 1/2 3").is_none());
    }
}
