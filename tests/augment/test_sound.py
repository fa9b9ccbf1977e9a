"""Sound: tones keep or change their pitch and length as asked, and noise has its ratio."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import augment

RATE = 8000


def tone(frequency, samples=RATE):
    return np.sin(2 * np.pi * frequency * np.arange(samples) / RATE).astype(np.float32)[None]


def pitch(wave):
    """The loudest frequency of the middle, between those of the transform by a parabola."""
    middle = wave[len(wave) // 4 : 3 * len(wave) // 4]
    loud = np.log(abs(np.fft.rfft(middle * np.hanning(len(middle)))) + 1e-12)
    peak = loud.argmax()
    a, b, c = loud[peak - 1 : peak + 2]
    return (peak + 0.5 * (a - c) / (a - 2 * b + c)) * RATE / len(middle)


@pytest.mark.covers("A-135")
@pytest.mark.parametrize("rate", [0.5, 0.8, 1.0, 1.25, 2.0])
def test_stretched_tones_keep_their_pitch(rate):
    found = augment.time_stretch(tone(440), rate).numpy()
    assert found.shape == (1, round(RATE / rate))
    assert pitch(found[0]) == pytest.approx(440, rel=2e-3)
    middle = found[0][1000 : len(found[0]) - 1000]
    # Between frames phases drift apart a little, as in every phase vocoder.
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(1, abs=0.15)


@pytest.mark.covers("A-135")
def test_rate_one_changes_nothing():
    wave = np.random.default_rng(0).normal(size=(2, 3001)).astype(np.float32)
    for changed in (augment.time_stretch(wave, 1.0), augment.pitch_shift(wave, 0.0)):
        np.testing.assert_allclose(changed.numpy(), wave, atol=1e-4)


@pytest.mark.covers("A-135")
@pytest.mark.parametrize("semitones", [-7, -3, 1, 5, 12])
def test_shifted_tones_keep_their_length(semitones):
    found = augment.pitch_shift(tone(440), float(semitones)).numpy()
    assert found.shape == (1, RATE)
    assert pitch(found[0]) == pytest.approx(440 * 2 ** (semitones / 12), rel=2e-3)


@pytest.mark.covers("A-135")
def test_each_wave_has_its_own_rate_and_pitch():
    waves = np.concatenate([tone(300), tone(300)])
    shifted = augment.pitch_shift(waves, cr.asarray([4.0, -4.0])).numpy()
    for wave, semitones in zip(shifted, (4, -4), strict=True):
        assert pitch(wave) == pytest.approx(300 * 2 ** (semitones / 12), rel=2e-3)
    stretched = augment.time_stretch(waves, cr.asarray([0.8, 2.0])).numpy()
    assert stretched.shape == (2, RATE)
    # The faster one is over after a half.
    assert abs(stretched[1, RATE // 2 + 600 :]).max() < 1e-3 < abs(stretched[0, -600:]).max()


@pytest.mark.covers("A-135")
def test_what_would_be_too_high_is_left_out():
    """An octave above 3 kHz lies beyond 4 kHz, half of the rate."""
    found = augment.pitch_shift(tone(3000), 12.0).numpy()[0, 1000:-1000]
    assert abs(found).max() < 0.05


@pytest.mark.covers("A-127", "A-135")
def test_noise_has_the_ratio_asked_for():
    waves = np.concatenate([tone(440), 0.1 * tone(220)])
    for noise in (None, tone(50)[[0, 0]] + 0.1):
        noisy = augment.add_noise(waves, cr.asarray([10.0, 30.0]), noise).numpy()
        ratio = (waves**2).mean(1) / ((noisy - waves) ** 2).mean(1)
        np.testing.assert_allclose(10 * np.log10(ratio), [10, 30], atol=1e-3)


@pytest.mark.covers("A-135")
def test_silence_stays_silent_and_has_a_gradient():
    silent = cr.zeros((1, 1000))
    assert not augment.pitch_shift(silent, 3.0).numpy().any()
    gradient = cr.grad(lambda x: cr.sum(augment.time_stretch(x, 0.9)))(silent)
    assert np.isfinite(gradient.numpy()).all()
