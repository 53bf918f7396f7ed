using System.IO.Compression;
using System.Text;
using Woodgrove.Citus.Files;

namespace Woodgrove.Citus.Export;

/// <summary>The CSV that is written, in its encoding, compressed where that is asked for.</summary>
internal sealed class ExportFile : IAsyncDisposable
{
    private readonly Action<long, long> _written;
    private readonly SemaphoreSlim _gate = new(1);
    private readonly OutputFile _file;
    private readonly Stream _content;
    private readonly string _encodingName = "utf-8";
    private bool _complete;

    /// <param name="encoding">With its byte order mark, if it has one; null writes UTF-8 without.</param>
    /// <param name="written">Receives the rows and bytes that each write added.</param>
    public ExportFile(OutputFile file, bool compress, Encoding? encoding, Action<long, long> written)
    {
        (_file, _written) = (file, written);
        _content = compress ? new GZipStream(new BufferedStream(file.Content, 256 * 1024), CompressionLevel.Fastest) : file.Content;
        if (encoding is null) return;
        _encodingName = encoding.WebName;
        _content.Write(encoding.Preamble);
        if (encoding is UTF8Encoding) return;
        Encoding strict = Encoding.GetEncoding(encoding.CodePage, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback);
        _content = Encoding.CreateTranscodingStream(_content, strict, Encoding.UTF8);
    }

    /// <summary>What a failure leaves, as a clause.</summary>
    public string Left => LeftOf(_file);

    /// <summary>The bytes that were written.</summary>
    public long Length => _file.Length;

    /// <summary>Appends whole records; of several who write at once, one waits for the other.</summary>
    public async Task WriteAsync(ReadOnlyMemory<byte> records, long rows, CancellationToken stop)
    {
        await _gate.WaitAsync(stop);
        try
        {
            await _content.WriteAsync(records, stop);
            _written(rows, records.Length);
        }
        catch (EncoderFallbackException e)
        {
            string character = e.CharUnknownHigh == 0 ? $"{e.CharUnknown}" : $"{e.CharUnknownHigh}{e.CharUnknownLow}";
            throw ExportErrors.NotEncodable(character, _encodingName, Left, e);
        }
        finally
        {
            _gate.Release();
        }
    }

    public static string LeftOf(OutputFile file) =>
        file.IsReplaced ? "no file is left of it" : $"{file.Path} was given {file.Length} bytes of it";

    /// <summary>Gives the file its name.</summary>
    public async Task CompleteAsync()
    {
        await _content.DisposeAsync();
        await _file.CompleteAsync();
        _complete = true;
    }

    public async ValueTask DisposeAsync()
    {
        _gate.Dispose();
        if (_complete) return;
        try
        {
            await _content.DisposeAsync();
        }
        catch (IOException)
        {
            // The disk is full, or a pipe's reader is gone: what would still have been written goes anyway.
        }
        await _file.DisposeAsync();
    }
}
