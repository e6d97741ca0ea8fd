//! What the tests of whole networks against PyTorch have in common: the loss, and how logits are compared.

/// The mean loss of a batch and its gradient by the logits, from the definition.
pub fn cross_entropy(logits: &[f32], labels: &[u32], classes: usize) -> (f64, Vec<f32>) {
    let images = labels.len() as f64;
    let mut loss = 0.0;
    let mut gradient = Vec::with_capacity(logits.len());
    for (logits, &label) in logits.chunks(classes).zip(labels) {
        let sum: f64 = logits.iter().map(|&l| f64::from(l).exp()).sum();
        for (class, &logit) in logits.iter().enumerate() {
            let share = f64::from(logit).exp() / sum;
            let target = f64::from(u8::from(class == label as usize));
            loss -= target * share.ln() / images;
            gradient.push(((share - target) / images) as f32);
        }
    }
    (loss, gradient)
}

/// Fails where logits differ by more than `tolerance` of the largest.
pub fn logits_agree(what: &str, ours: &[f32], golden: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), golden.len(), "{what}");
    let largest = golden.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    for (index, (&a, &b)) in ours.iter().zip(golden).enumerate() {
        assert!((f64::from(a) - b).abs() <= tolerance * largest, "{what}[{index}]: {a} is not {b}");
    }
}
