using System.IO.Compression;
using System.Text;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Export;

/// <summary>
/// The file that is written: under a name of its own beside the target's, until it is whole. What fails before
/// leaves an existing file as it was, and nothing else behind.
/// </summary>
internal sealed class ExportFile : IAsyncDisposable
{
    private readonly string _path, _temporary;
    private readonly bool _overwrite;
    private readonly Action<long, long> _written;
    private readonly SemaphoreSlim _gate = new(1);
    private readonly FileStream _file;
    private readonly Stream _content;
    private readonly string _encodingName = "utf-8";
    private bool _complete;

    /// <param name="mode">Of the file that it replaces.</param>
    /// <param name="written">Told the rows and bytes that each write added.</param>
    private ExportFile(string path, string temporary, UnixFileMode? mode, bool overwrite, bool compress, Encoding? encoding, Action<long, long> written)
    {
        (_path, _temporary, _overwrite, _written) = (path, temporary, overwrite, written);
        // What is written comes in large pieces, so a buffer would only copy.
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.Read, BufferSize = 0 };
        // Who may read the file that was there, and nobody else, may read the one in its place, from its first byte.
        if (mode is { } same && !OperatingSystem.IsWindows()) options.UnixCreateMode = same & ~(UnixFileMode.SetUser | UnixFileMode.SetGroup | UnixFileMode.StickyBit);
        _file = new FileStream(temporary, options);
        if (mode is { } exact && !OperatingSystem.IsWindows()) File.SetUnixFileMode(_file.SafeFileHandle, exact);
        _content = compress ? new GZipStream(new BufferedStream(_file, 256 * 1024), CompressionLevel.Fastest) : _file;
        if (encoding is null) return;
        _encodingName = encoding.WebName;
        _content.Write(encoding.Preamble);
        if (encoding is UTF8Encoding) return;
        Encoding strict = Encoding.GetEncoding(encoding.CodePage, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback);
        _content = Encoding.CreateTranscodingStream(_content, strict, Encoding.UTF8);
    }

    /// <summary>The file's size, once it is complete.</summary>
    public long Length { get; private set; }

    /// <param name="overwrite">False refuses a file that exists.</param>
    /// <param name="force">Replaces even one that is read-only.</param>
    /// <param name="encoding">With its byte order mark, if it has one; null writes UTF-8 without.</param>
    /// <exception cref="CitusException">There is a file, and it may not be replaced; or there is no such folder.</exception>
    public static ExportFile Create(string path, bool overwrite, bool force, bool compress, Encoding? encoding, Action<long, long> written)
    {
        RefusePlantedLink(path);
        // What a link leads to is replaced, not the link.
        string target = new FileInfo(path).LinkTarget is null ? path : File.ResolveLinkTarget(path, returnFinalTarget: true)!.FullName;
        if (Directory.Exists(target))
        {
            throw new CitusException("CitusFileExists", CitusErrorKind.ResourceExists, $"'{path}' is a folder.", "Name a file in it.") { Target = path };
        }
        var there = new FileInfo(target);
        if (there.Exists && !overwrite) throw Exists(path);
        if (there is { Exists: true, IsReadOnly: true })
        {
            if (!force) throw new CitusException("CitusFileDenied", CitusErrorKind.PermissionDenied, $"'{path}' is read-only.", "Use -Force to replace it all the same.") { Target = path };
            there.IsReadOnly = false;
        }
        return new ExportFile(target, $"{target}.{Guid.NewGuid():N}.tmp", there.Exists ? there.UnixFileMode : null, overwrite, compress, encoding, written);
    }

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
            throw new CitusException("CitusInvalidEncoding", CitusErrorKind.InvalidData, $"A value holds '{character}', which {_encodingName} cannot write; no file is left of the export.",
                "Use an -Encoding that can: utf8, or utf8BOM for a program that expects a byte order mark.", e) { Target = character };
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Gives the file its name.</summary>
    public async Task CompleteAsync()
    {
        await _content.DisposeAsync();
        Length = new FileInfo(_temporary).Length;
        try
        {
            File.Move(_temporary, _path, _overwrite);
        }
        catch (IOException) when (!_overwrite && File.Exists(_path))
        {
            throw Exists(_path);
        }
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
            // The disk is full: what it would still have written goes anyway.
        }
        await _file.DisposeAsync();
        File.Delete(_temporary);
    }

    /// <summary>In a folder that all may write to, such as /tmp, another user's link is not followed: the kernel does not, where it is asked.</summary>
    private static void RefusePlantedLink(string path)
    {
        if (OperatingSystem.IsWindows() || Sandbox.UnixOwner.Find(path) is not { IsLink: true } link || link.Owner == Sandbox.UnixOwner.Me) return;
        if (Sandbox.UnixOwner.Find(Path.GetDirectoryName(Path.GetFullPath(path))!) is not { } folder || !folder.Mode.HasFlag(UnixFileMode.OtherWrite) || folder.Owner == link.Owner) return;
        throw new CitusException("CitusFileDenied", CitusErrorKind.PermissionDenied,
            $"'{path}' is a symbolic link that another user made in a folder that all may write to, and it is not followed.", "Name a file in a folder of your own.") { Target = path };
    }

    private static CitusException Exists(string path) => new("CitusFileExists", CitusErrorKind.ResourceExists, $"'{path}' exists.",
        "Name another file, or leave -NoClobber out to replace it.") { Target = path };
}
