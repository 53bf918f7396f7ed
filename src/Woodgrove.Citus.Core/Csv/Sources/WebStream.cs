using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using Woodgrove.Citus.Files;

namespace Woodgrove.Citus.Csv.Sources;

/// <summary>
/// The content of a <see cref="WebSource"/>. Where its connection is cut the read is resumed: with a range of the same version, if
/// the server has a strong validator to tell versions by and keeps to the range; else by reading all of it again, with
/// the part that was read before compared by its hash.
/// </summary>
internal sealed class WebStream(WebSource source, ReadHistory.Reading reading) : ReadOnlyStream
{
    private const int Attempts = 5;
    private const int Silences = 2; // each has cost the whole timeout
    private const int Piece = 64 * 1024;
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    private HttpResponseMessage? _answer;
    private Stream? _content;
    private RangeConditionHeaderValue? _version; // null where the server gives no strong validator
    private long? _length;                       // of the whole content
    private bool _ranges = true;                 // until the server has given a wrong one
    private int _failures, _silences, _new;      // since the content last got a piece longer; bytes of the next one
    private int _came;                           // bytes since this connection's last whole piece
    private TimeSpan _waited;                    // for them

    /// <summary>True where the end of the answer's body proves that it is whole.</summary>
    public bool IsEndProven =>
        _length is not null || _answer!.Headers.TransferEncodingChunked == true || _answer.Version >= HttpVersion.Version20;

    /// <returns>What the server says of the content.</returns>
    public async Task<HttpContentHeaders> OpenAsync(CancellationToken stop)
    {
        await RetryAsync(() => BeginAsync(stop), stop);
        return _answer!.Content.Headers;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = 0;
        await RetryAsync(async () =>
        {
            if (_content is null) await GoOnAsync(cancellationToken);
            count = await ReadOnceAsync(buffer, cancellationToken);
            if (count == 0 && buffer.Length > 0 && reading.Offset < _length)
                throw new WebFailure($"the connection was closed after {reading.Offset} of {_length} bytes");
        }, cancellationToken);
        if (reading.Offset + count > _length)
            throw SourceErrors.Changed(source, $"it is longer than the {_length} bytes that the server announced");
        Add(buffer.Span[..count]);
        _new += count;
        // A byte now and then is no progress: locks are held as long as the load lasts.
        if (_new >= Piece) (_failures, _silences, _new) = (0, 0, 0);
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _answer?.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>Does something until it succeeds, or has failed too often since the content last got longer.</summary>
    private async Task RetryAsync(Func<Task> attempt, CancellationToken stop)
    {
        while (true)
        {
            WebFailure failure;
            try
            {
                await attempt();
                return;
            }
            catch (WebFailure e)
            {
                failure = e;
            }
            Drop();
            _failures++;
            if (failure.IsSilence) _silences++;
            TimeSpan wait = failure.RetryAfter ?? TimeSpan.FromMilliseconds(200 * _failures * _failures);
            if (_failures == Attempts || _silences == Silences || wait > LongestWait)
            {
                string where = reading.Offset > 0 ? $"was interrupted at byte {reading.Offset}, and could not be resumed"
                    : "could not be read";
                string after = wait > LongestWait ? $", and asks to wait for {wait.TotalSeconds:0} s" : _failures > 1
                    ? $" ({_failures} attempts)" : "";
                throw SourceErrors.Interrupted(source, $"{where}: {failure.Message}{after}", failure);
            }
            await Task.Delay(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, stop);
        }
    }

    /// <summary>The first answer: what a resumed download must agree with.</summary>
    private async Task BeginAsync(CancellationToken stop)
    {
        HttpResponseMessage answer = await AskForAllAsync(stop);
        HttpContentHeaders headers = answer.Content.Headers;
        (_length, _version) = (headers.ContentLength, VersionOf(answer));
        if (headers.ContentEncoding.FirstOrDefault(e => e is not ("identity" or "gzip" or "x-gzip" or "zstd")) is { } encoding)
            throw SourceErrors.Unreadable(source, $"the web server sends it with Content-Encoding {encoding}, which is not understood",
                advice: "Have it served as it is, or compressed by gzip or zstd.");
        await TakeAsync(answer, stop);
    }

    /// <summary>Continues at the offset that was reached.</summary>
    private async Task GoOnAsync(CancellationToken stop)
    {
        if (reading.Offset > 0 && _ranges && _version is not null && await AskForRestAsync(stop)) return;
        bool wasProven = IsEndProven;
        HttpResponseMessage answer = await AskForAllAsync(stop);
        await TakeAsync(answer, stop);
        if (reading.Offset == 0) (_length, _version) = (answer.Content.Headers.ContentLength, VersionOf(answer));
        else if (Differ(answer.Content.Headers.ContentLength, _length)) throw SourceErrors.Changed(source, "its length is another");
        else if (Differ(VersionOf(answer), _version)) throw SourceErrors.Changed(source, "its version (ETag or Last-Modified) is another");
        _length ??= answer.Content.Headers.ContentLength;
        if (wasProven && !IsEndProven) throw new WebFailure("the web server no longer says how long the content is");
        await SkipAsync(stop);
    }

    private static bool Differ<T>(T? one, T? other) => one is not null && other is not null && !one.Equals(other);

    /// <returns>False where the answer is not exactly the rest of the same content; then all of it is read again.</returns>
    private async Task<bool> AskForRestAsync(CancellationToken stop)
    {
        HttpResponseMessage answer = await source.AskAsync(reading.Offset, _version, stop);
        ContentRangeHeaderValue? range = answer.Content.Headers.ContentRange;
        if (answer.StatusCode == HttpStatusCode.PartialContent && range is { Unit: "bytes" } && range.From == reading.Offset
            && range.Length is { } total && total == (_length ?? total) && range.To == total - 1
            && (answer.Content.Headers.ContentLength is not { } rest || rest == total - reading.Offset)
            && Equals(VersionOf(answer), _version))
        {
            _length = total;
            await TakeAsync(answer, stop);
            return true;
        }
        answer.Dispose();
        _ranges = false;
        return false;
    }

    /// <summary>Asks for all of the content.</summary>
    private async Task<HttpResponseMessage> AskForAllAsync(CancellationToken stop)
    {
        HttpResponseMessage answer = await source.AskAsync(0, null, stop);
        if (answer.StatusCode == HttpStatusCode.OK) return answer;
        using (answer)
            throw SourceErrors.Unreadable(source,
                $"the web server answered {(int)answer.StatusCode} {answer.ReasonPhrase} to a request for the whole content");
    }

    private async Task TakeAsync(HttpResponseMessage answer, CancellationToken stop)
    {
        Drop();
        (_answer, _content) = (answer, await answer.Content.ReadAsStreamAsync(stop));
    }

    /// <summary>Reads what was read before, which must be the same.</summary>
    private async Task SkipAsync(CancellationToken stop)
    {
        if (reading.Offset == 0) return;
        var again = new byte[64 * 1024];
        System.IO.Hashing.XxHash3 hash = new();
        for (long left = reading.Offset; left > 0;)
        {
            int count = await ReadOnceAsync(again.AsMemory(0, (int)Math.Min(left, again.Length)), stop);
            if (count == 0) throw new WebFailure("the connection was closed early");
            hash.Append(again.AsSpan(0, count));
            left -= count;
        }
        if (hash.GetCurrentHashAsUInt64() != reading.Hash)
            throw SourceErrors.Changed(source, $"its first {reading.Offset} bytes are not those that were read before");
    }

    /// <summary>Reads once; each piece has to come within the timeout, of which only waiting for the server counts.</summary>
    private async Task<int> ReadOnceAsync(Memory<byte> buffer, CancellationToken stop)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        long began = Stopwatch.GetTimestamp();
        patience.CancelAfter(source.ReadTimeout > _waited ? source.ReadTimeout - _waited : TimeSpan.Zero);
        try
        {
            int count = await _content!.ReadAsync(buffer, patience.Token);
            (_came, _waited) = (_came + count, _waited + Stopwatch.GetElapsedTime(began));
            if (_came >= Piece) (_came, _waited) = (0, TimeSpan.Zero);
            return count;
        }
        // A read that begins as it is cancelled may find its connection disposed.
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException && stop.IsCancellationRequested)
        {
            throw new OperationCanceledException(null, e, stop);
        }
        catch (Exception e) when (e is OperationCanceledException || e is ObjectDisposedException && patience.IsCancellationRequested)
        {
            throw WebFailure.Silence(_came == 0 ? "sent nothing for" : $"sent only {_came} bytes in", source.ReadTimeout, e);
        }
        catch (Exception e) when (e is IOException or HttpRequestException or ObjectDisposedException)
        {
            throw new WebFailure($"the connection was lost ({e.Message.TrimEnd('.')})", e);
        }
    }

    private void Add(ReadOnlySpan<byte> bytes)
    {
        if (!reading.Add(bytes))
            throw SourceErrors.Changed(source, $"its first {reading.Offset} bytes are not those that were read before");
    }

    private void Drop()
    {
        _answer?.Dispose();
        (_content, _came, _waited) = (null, 0, TimeSpan.Zero);
    }

    /// <summary>
    /// What tells versions apart for certain: an entity tag that is not weak, or a time of change that lies well before
    /// the answer.
    /// </summary>
    private static RangeConditionHeaderValue? VersionOf(HttpResponseMessage answer) =>
        answer.Headers.ETag is { IsWeak: false } tag ? new RangeConditionHeaderValue(tag)
        : answer.Headers.ETag is null && answer.Content.Headers.LastModified is { } changed
            && answer.Headers.Date - changed > TimeSpan.FromMinutes(1) ? new RangeConditionHeaderValue(changed)
        : null;
}
