namespace Woodgrove.Citus.Files;

/// <summary>Counts the bytes that are written, which a pipe does not tell.</summary>
/// <param name="mayBlock">True for a pipe, which takes bytes only as its reader does: a write that waits for it can be given up.</param>
internal sealed class CountedStream(Stream inner, bool mayBlock) : Stream
{
    public long Count { get; private set; }

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
    public override void Flush() => inner.Flush();
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        inner.Write(buffer);
        Count += buffer.Length;
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (mayBlock) await Task.Run(() => inner.Write(buffer.Span), CancellationToken.None).WaitAsync(cancellationToken);
        else await inner.WriteAsync(buffer, cancellationToken);
        Count += buffer.Length;
    }
}
