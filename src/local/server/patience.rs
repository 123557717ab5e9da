//! A connection whose client is waited for, but not for ever: a head that does not come to its end, an answer that is not
//! fetched. A client that says nothing between two requests costs little and may keep its connection for a long time, which is
//! why hyper's own timeout for heads is not used: it does not tell the two apart.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// A request's head must be complete so long after its first byte.
pub(super) const HEAD_TIME: Duration = Duration::from_secs(30);
/// A connection on which nothing is asked is closed after this.
pub(super) const IDLE_TIME: Duration = Duration::from_secs(15 * 60);
/// A client that takes nothing of its answer for this long is given up.
pub(super) const STALL_TIME: Duration = Duration::from_secs(60);

/// Whether a request is being answered: odd while one is, and one more with every beginning and end.
#[derive(Clone, Debug, Default)]
pub(super) struct Turn(Arc<AtomicU64>);

impl Turn {
    /// A request has come whole as far as its head goes; until the value is dropped its client is not waited for here.
    pub(super) fn begin(&self) -> Answering {
        self.0.fetch_add(1, Ordering::SeqCst);
        Answering(self.clone())
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// See [`Turn::begin`].
#[derive(Debug)]
pub(super) struct Answering(Turn);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

type Timer = Option<Pin<Box<Sleep>>>;

/// The stream.
#[derive(Debug)]
pub(super) struct Patient {
    stream: TcpStream,
    turn: Turn,
    /// The turn in which the first byte of a head was heard.
    heard: Option<u64>,
    reading: Timer,
    /// What `reading` runs for: a turn, and whether its head has begun.
    reading_for: Option<(u64, bool)>,
    writing: Timer,
}

impl Patient {
    /// A new connection, and what tells it when a request is being answered.
    pub(super) fn new(stream: TcpStream) -> (Self, Turn) {
        let turn = Turn::default();
        let waiting = Self { stream, turn: turn.clone(), heard: None, reading: None, reading_for: None, writing: None };
        (waiting, turn)
    }

    /// Called when there is nothing to read.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let turn = self.turn.now();
        if !turn.is_multiple_of(2) {
            // The client waits for us.
            (self.reading, self.reading_for) = (None, None);
            return Poll::Pending;
        }
        let begun = self.heard == Some(turn);
        if self.reading_for != Some((turn, begun)) {
            self.reading_for = Some((turn, begun));
            let time = if begun { HEAD_TIME } else { IDLE_TIME };
            arm(&mut self.reading, time);
        }
        ready!(expired(&mut self.reading, context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client was silent for too long")))
    }

    fn poll_writing<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(written) = write(Pin::new(&mut self.stream), context) {
            self.writing = None;
            return Poll::Ready(written);
        }
        if self.writing.is_none() {
            arm(&mut self.writing, STALL_TIME);
        }
        ready!(expired(&mut self.writing, context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not take its answer")))
    }
}

fn arm(timer: &mut Timer, time: Duration) {
    *timer = Some(Box::pin(sleep_until(Instant::now() + time)));
}

fn expired(timer: &mut Timer, context: &mut Context<'_>) -> Poll<()> {
    timer.as_mut().map_or(Poll::Pending, |timer| timer.as_mut().poll(context))
}

impl AsyncRead for Patient {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Ready(read) => {
                let turn = this.turn.now();
                if buffer.filled().len() > before && turn.is_multiple_of(2) {
                    this.heard = Some(turn);
                }
                Poll::Ready(read)
            }
            Poll::Pending => this.poll_silence(context),
        }
    }
}

impl AsyncWrite for Patient {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_writing(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_writing(context, |stream, context| stream.poll_write_vectored(context, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_writing(context, |stream, context| stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_writing(context, |stream, context| stream.poll_shutdown(context))
    }
}
