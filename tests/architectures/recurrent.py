"""Small recurrent networks, as texts and signals are classified with them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from architectures.case import CLASSES, TOKENS, VOCABULARY, Case, signals, tokens

_WIDTH, _HIDDEN = 6, 5


class Last(nn.Module):
    """The last token's hidden state, then a Linear."""

    def __init__(self, rnn: nn.Module, width: int = _HIDDEN) -> None:
        super().__init__()
        self.embedding, self.rnn = nn.Embedding(VOCABULARY, _WIDTH), rnn
        self.head = nn.Linear(width, CLASSES)

    def forward(self, ids: Tensor) -> Tensor:
        output, _ = self.rnn(self.embedding(ids))
        return self.head(output[:, -1])


class FromZeros(Last):
    """The same, the first state written out, as in tutorials."""

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids)
        begin = torch.zeros(1, x.size(0), _HIDDEN, dtype=x.dtype, device=x.device)
        output, _ = self.rnn(x, (begin, begin))
        return self.head(output[:, -1, :])


class Bidirectional(nn.Module):
    """Two layers in both directions, pooled over tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, _WIDTH)
        self.rnn = nn.GRU(_WIDTH, _HIDDEN, 2, batch_first=True, bidirectional=True, dropout=0.3)
        self.hidden, self.head = nn.Linear(2 * _HIDDEN, 4), nn.Linear(4, CLASSES)

    def forward(self, ids: Tensor) -> Tensor:
        output, _ = self.rnn(self.embedding(ids))
        return self.head(F.relu(self.hidden(output.amax(1))))


class LastStates(nn.Module):
    """The last states of both directions; tokens are the first axis inside."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, _WIDTH)
        self.rnn = nn.LSTM(_WIDTH, _HIDDEN, bidirectional=True)
        self.head = nn.Linear(2 * _HIDDEN, CLASSES)

    def forward(self, ids: Tensor) -> Tensor:
        _, (h, _) = self.rnn(self.embedding(ids.t()))
        return self.head(torch.cat([h[-2], h[-1]], dim=1))


class Convolved(nn.Module):
    """A convolution over a signal, then a recurrent layer, as in speech."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.rnn = nn.Conv1d(3, _WIDTH, 3), nn.RNN(_WIDTH, _HIDDEN, batch_first=True)
        self.head = nn.Linear(_HIDDEN, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        _, last = self.rnn(F.relu(self.conv(x)).transpose(1, 2))
        return self.head(last.squeeze(0))


class Cells(nn.Module):
    """A loop over tokens, written out."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.embedding, self.cell = nn.Embedding(VOCABULARY, _WIDTH), cell
        self.head = nn.Linear(_HIDDEN, CLASSES)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids)
        state = None
        for token in range(TOKENS):
            state = self.cell(x[:, token], state)
        return self.head(state[0] if isinstance(self.cell, nn.LSTMCell) else state)


class Attending(nn.Module):
    """A decoder of two steps that attends to the encoder, after Bahdanau et al. (2015)."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, _WIDTH)
        self.encoder = nn.GRU(_WIDTH, _HIDDEN, batch_first=True)
        self.key, self.query, self.score = (
            nn.Linear(_HIDDEN, 4), nn.Linear(_HIDDEN, 4), nn.Linear(4, 1)
        )  # fmt: skip
        self.decoder = nn.GRU(_HIDDEN, _HIDDEN, batch_first=True)
        self.head = nn.Linear(_HIDDEN, CLASSES)

    def forward(self, ids: Tensor) -> Tensor:
        output, state = self.encoder(self.embedding(ids))
        for _ in range(2):
            seen = torch.tanh(self.key(output) + self.query(state[-1]).unsqueeze(1))
            weights = self.score(seen).softmax(1)
            context = (weights * output).sum(1, keepdim=True)
            _, state = self.decoder(context, state)
        return self.head(state[-1])


def _last(make: Callable[..., nn.Module], **options: int | str) -> Callable[[], nn.Module]:
    return lambda: Last(make(_WIDTH, _HIDDEN, batch_first=True, **options),
                        int(options.get("proj_size", _HIDDEN)))  # fmt: skip


def _both(layers: int) -> tuple[str, ...]:
    return tuple(f"rnn.l{n}{way}" for n in range(layers) for way in ("", "_reverse"))


CASES = (
    Case("lstm", _last(nn.LSTM), tokens, ("rnn",)),
    Case("gru", _last(nn.GRU), tokens, ("rnn",)),
    Case("rnn of relu", _last(nn.RNN, nonlinearity="relu"), tokens, ("rnn",)),
    Case("lstm without biases, of two layers", _last(nn.LSTM, num_layers=2, bias=False), tokens,
         ("rnn.l0", "rnn.l1")),
    Case("lstm projected", _last(nn.LSTM, proj_size=3), tokens, ("rnn.cells", "rnn"),
         notes="what is projected and what is handed on are sites of their own"),
    Case("lstm from zeros",
         lambda: FromZeros(nn.LSTM(_WIDTH, _HIDDEN, batch_first=True)), tokens, ("rnn",)),
    Case("gru bidirectional", Bidirectional, tokens, (*_both(2), "hidden")),
    Case("lstm last states", LastStates, tokens, _both(1)),
    Case("convolved rnn", Convolved, signals, ("conv", "rnn")),
    Case("lstm cell", lambda: Cells(nn.LSTMCell(_WIDTH, _HIDDEN)), tokens, ("cell",)),
    Case("gru cell", lambda: Cells(nn.GRUCell(_WIDTH, _HIDDEN)), tokens, ("cell",)),
    Case("attending decoder", Attending, tokens,
         ("encoder", "key", "query", "score", "decoder"),
         notes="the encoder's last state is the decoder's first one"),
)  # fmt: skip
