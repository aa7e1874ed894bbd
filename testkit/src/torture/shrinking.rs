//! Making a program smaller that was answered wrongly, one thing at a time.

use super::program::{Program, Quote, Step, Word};

impl Program {
    /// Programs that are a little smaller, those first in which most is left out.
    #[must_use]
    pub fn smaller(&self) -> Vec<Self> {
        let with = |steps| Self { steps, between: self.between };
        // Comments alone run nothing, and are told so.
        let runs = |steps: &Vec<Step>| !steps.iter().all(|it| matches!(it, Step::Comment(_)));
        smaller_lists(&self.steps).into_iter().filter(runs).map(with).collect()
    }
}

fn smaller_lists(steps: &[Step]) -> Vec<Vec<Step>> {
    let mut lists = Vec::new();
    if steps.len() > 2 {
        let (first, last) = steps.split_at(steps.len() / 2);
        lists.extend([first.to_vec(), last.to_vec()]);
    }
    for place in 0..steps.len() {
        let replaced = |by: &[Step]| {
            let mut list = steps[..place].to_vec();
            list.extend_from_slice(by);
            list.extend_from_slice(&steps[place + 1..]);
            list
        };
        lists.push(replaced(&[]));
        lists.extend(smaller_steps(&steps[place]).iter().map(|it| replaced(it)));
    }
    lists
}

/// What can stand in place of a step.
fn smaller_steps(step: &Step) -> Vec<Vec<Step>> {
    let inner: Vec<Step> = step.inner().into_iter().cloned().collect();
    let mut found = Vec::new();
    if !inner.is_empty() {
        found.push(inner);
    }
    found.extend(rebuilt(step).into_iter().map(|it| vec![it]));
    found
}

/// The same step with less in it.
fn rebuilt(step: &Step) -> Vec<Step> {
    let lists = |steps: &[Step]| smaller_lists(steps).into_iter().filter(|it| !it.is_empty());
    let one = |step: &Step| {
        smaller_steps(step).into_iter().filter_map(|it| <[Step; 1]>::try_from(it).ok()).map(|[it]| it)
    };
    match step {
        Step::Subshell(steps) => lists(steps).map(Step::Subshell).collect(),
        Step::Group(steps) => lists(steps).map(Step::Group).collect(),
        Step::Pipe(steps, filter) => lists(steps).map(|it| Step::Pipe(it, filter)).collect(),
        Step::For(values, steps) => lists(steps).map(|it| Step::For(values.clone(), it)).collect(),
        Step::While(times, steps) => lists(steps).map(|it| Step::While(*times, it)).collect(),
        Step::Function(steps) => lists(steps).map(Step::Function).collect(),
        Step::Case(word, steps) => lists(steps).map(|it| Step::Case(word.clone(), it)).collect(),
        Step::Substitution(steps) => lists(steps).map(Step::Substitution).collect(),
        Step::Background(steps) => lists(steps).map(Step::Background).collect(),
        Step::AtExit(steps) => lists(steps).map(Step::AtExit).collect(),
        Step::Strict(steps) => lists(steps).map(Step::Strict).collect(),
        Step::Script(shell, steps) => lists(steps).map(|it| Step::Script(shell, it)).collect(),
        Step::Unechoed(steps) => lists(steps).map(Step::Unechoed).collect(),
        Step::File(steps) => lists(steps).map(Step::File).collect(),
        Step::If(truth, then, otherwise) => lists(then)
            .map(|it| Step::If(*truth, it, otherwise.clone()))
            .chain(lists(otherwise).map(|it| Step::If(*truth, then.clone(), it)))
            .collect(),
        Step::And(left, right) => one(left)
            .map(|it| Step::And(it.into(), right.clone()))
            .chain(one(right).map(|it| Step::And(left.clone(), it.into())))
            .collect(),
        Step::Or(left, right) => one(left)
            .map(|it| Step::Or(it.into(), right.clone()))
            .chain(one(right).map(|it| Step::Or(left.clone(), it.into())))
            .collect(),
        Step::Not(step) => one(step).map(|it| Step::Not(it.into())).collect(),
        Step::Remark(step, text) => one(step).map(|it| Step::Remark(it.into(), text.clone())).collect(),
        Step::Echo(words) => smaller_words(words).into_iter().map(Step::Echo).collect(),
        Step::Printf(words) => smaller_words(words).into_iter().map(Step::Printf).collect(),
        Step::Variable(word) => shorter(word).into_iter().map(Step::Variable).collect(),
        Step::Complaint(word) => shorter(word).into_iter().map(Step::Complaint).collect(),
        Step::Document(lines, quoted) if lines.len() > 1 => (0..lines.len())
            .map(|place| {
                let mut left = lines.clone();
                left.remove(place);
                Step::Document(left, *quoted)
            })
            .collect(),
        Step::Numbers(last) if *last > 1 => vec![Step::Numbers(last / 2), Step::Numbers(last - 1)],
        Step::Long(letters) if *letters > 1 => vec![Step::Long(letters / 2), Step::Long(letters - 1)],
        Step::Pause(millis) if *millis > 1 => vec![Step::Pause(millis / 2)],
        _ => Vec::new(),
    }
}

fn smaller_words(words: &[Word]) -> Vec<Vec<Word>> {
    let mut lists = Vec::new();
    for place in 0..words.len() {
        if words.len() > 1 {
            let mut list = words.to_vec();
            list.remove(place);
            lists.push(list);
        }
        for word in shorter(&words[place]) {
            let mut list = words.to_vec();
            list[place] = word;
            lists.push(list);
        }
    }
    lists
}

/// The word without one of its characters, or in plainer quotes.
fn shorter(word: &Word) -> Vec<Word> {
    let letters: Vec<char> = word.text.chars().collect();
    let without = |place: usize| {
        let text = letters.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, it)| *it).collect();
        Word { text, quote: word.quote }
    };
    let plainer = (word.quote != Quote::Single).then(|| Word { quote: Quote::Single, ..word.clone() });
    (0..letters.len()).filter(|_| letters.len() > 1).map(without).chain(plainer).collect()
}

#[cfg(test)]
mod tests {
    use super::super::making::program;
    use super::*;

    /// Makes it smaller for as long as `is_wrong`.
    fn least(mut found: Program, is_wrong: impl Fn(&Program) -> bool) -> Program {
        while let Some(smaller) = found.smaller().into_iter().find(|it| is_wrong(it)) {
            found = smaller;
        }
        found
    }

    #[test]
    fn what_is_wrong_with_a_program_is_all_that_is_left_of_it() {
        let is_wrong = |it: &Program| {
            it.steps.iter().any(|it| it.any(&|it| matches!(it, Step::Status(_) | Step::Replay)))
        };
        let found: Vec<_> = (0..300).map(program).filter(is_wrong).collect();
        assert!(found.len() > 5);
        for program in found {
            assert_eq!(least(program, is_wrong).size(), 1);
        }
    }
}
