using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Files;

/// <summary>
/// A file that is written as a whole. The one place that decides how: a regular file, or nothing yet, is written under
/// another name beside it and replaced once it is complete, so that a failure leaves what was there; a symbolic link is
/// written through, to what it leads to; pipes, devices and sockets are written into, and never replaced.
/// </summary>
public sealed class OutputFile : IAsyncDisposable
{
    private readonly string _target;
    private readonly string? _temporary; // null where the bytes go straight in
    private readonly bool _overwrite;
    private readonly FileStream _file;
    private bool _complete;

    /// <param name="mode">Of the file that it replaces.</param>
    private OutputFile(string path, string target, string? temporary, bool overwrite, UnixFileMode? mode = null)
    {
        (Path, _target, _temporary, _overwrite) = (path, target, temporary, overwrite);
        _file = temporary is null ? OpenStream(target) : CreateFile(temporary, mode);
        Content = new CountedStream(_file, mayBlock: temporary is null);
    }

    /// <summary>As it was named.</summary>
    public string Path { get; }

    /// <summary>Takes the bytes.</summary>
    public Stream Content { get; }

    /// <summary>Bytes written so far.</summary>
    public long Length => ((CountedStream)Content).Count;

    /// <summary>False where the bytes go into a pipe or a device: what is written is gone, whatever happens later.</summary>
    public bool IsReplaced => _temporary is not null;

    /// <summary>As <see cref="Create"/>. Opening a pipe waits for its reader, unless it is cancelled.</summary>
    public static async Task<OutputFile> CreateAsync(string path, bool overwrite, bool force, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        if (!IsStream(path)) return Create(path, overwrite, force);
        Task<OutputFile> opening = Task.Run(() => Create(path, overwrite, force), CancellationToken.None);
        try
        {
            return await opening.WaitAsync(stop);
        }
        catch (OperationCanceledException)
        {
            // Should a reader come after all, it gets nothing.
            _ = opening.ContinueWith(o => o.Result.DisposeAsync().AsTask(), CancellationToken.None,
                TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
            throw;
        }
    }

    /// <param name="overwrite">False refuses a file that exists; a pipe or a device is not overwritten by what it is given.</param>
    /// <param name="force">Replaces even a read-only file.</param>
    /// <exception cref="CitusException">There is a file, and it may not be replaced; or it is a folder.</exception>
    public static OutputFile Create(string path, bool overwrite = true, bool force = false)
    {
        if (Check(path, overwrite, force) is not { } there) return new OutputFile(path, path, null, overwrite);
        if (there is { Exists: true, IsReadOnly: true }) there.IsReadOnly = false;
        string target = there.FullName;
        return new OutputFile(path, target, $"{target}.{Guid.NewGuid():N}.tmp", overwrite, there.Exists ? there.UnixFileMode : null);
    }

    /// <summary>Refuses what <see cref="Create"/> would refuse, and changes nothing.</summary>
    /// <returns>The file that would be replaced or made; null for a pipe or a device.</returns>
    /// <exception cref="CitusException">There is a file, and it may not be replaced; or it is a folder.</exception>
    public static FileInfo? Check(string path, bool overwrite, bool force)
    {
        FileKind kind = FileEntry.Of(path).Kind;
        if (kind == FileKind.Folder) throw FileErrors.IsFolder(path);
        if (IsStream(path, kind)) return null;
        RefusePlantedLink(path);
        var there = new FileInfo(FileEntry.Final(path));
        if (there.Exists && !overwrite) throw FileErrors.Exists(path);
        if (there is { Exists: true, IsReadOnly: true } && !force) throw FileErrors.ReadOnly(path);
        return there.Directory is { Exists: false } folder
            ? throw new DirectoryNotFoundException($"'{path}' can't be written: there is no folder '{folder}'.") : there;
    }

    /// <summary>Whether what stands at the path is written into: a pipe, a device, a socket, or an open descriptor of a process.</summary>
    internal static bool IsStream(string path) => IsStream(path, FileEntry.Of(path).Kind);

    /// <summary>Opens what <see cref="IsStream(string)"/> is true of.</summary>
    internal static FileStream OpenStream(string path) => new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);

    /// <summary>Gives the file its name.</summary>
    public async Task CompleteAsync()
    {
        await _file.DisposeAsync();
        try
        {
            if (_temporary is not null) File.Move(_temporary, _target, _overwrite);
        }
        catch (IOException) when (!_overwrite && File.Exists(_target))
        {
            throw FileErrors.Exists(Path);
        }
        _complete = true;
    }

    /// <summary>Removes what is not complete.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_complete) return;
        await _file.DisposeAsync();
        if (_temporary is not null) File.Delete(_temporary);
    }

    /// <summary>Writes a whole text file.</summary>
    public static async Task WriteAsync(string path, ReadOnlyMemory<byte> content, bool overwrite, CancellationToken stop)
    {
        await using OutputFile file = await CreateAsync(path, overwrite, force: false, stop);
        await file.Content.WriteAsync(content, stop);
        await file.CompleteAsync();
    }

    // A descriptor such as /dev/stdout may lead to a regular file, which the shell has opened and goes on to write to.
    private static bool IsStream(string path, FileKind kind) => kind == FileKind.Stream
        || (!OperatingSystem.IsWindows() && kind == FileKind.Regular && System.IO.Path.GetFullPath(path) is { } full
            && (full.StartsWith("/dev/", StringComparison.Ordinal) || full.StartsWith("/proc/", StringComparison.Ordinal)));

    private static FileStream CreateFile(string path, UnixFileMode? mode)
    {
        // What is written comes in large pieces, so a buffer would only copy.
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.Read,
            BufferSize = 0 };
        // Who may read the file that was there, and nobody else, may read the one in its place, from its first byte.
        if (mode is { } same && !OperatingSystem.IsWindows())
            options.UnixCreateMode = same & ~(UnixFileMode.SetUser | UnixFileMode.SetGroup | UnixFileMode.StickyBit);
        var file = new FileStream(path, options);
        if (mode is { } exact && !OperatingSystem.IsWindows()) File.SetUnixFileMode(file.SafeFileHandle, exact);
        return file;
    }

    /// <summary>
    /// In a folder that all may write to, such as /tmp, another user's link is not followed: the kernel does not, where
    /// it is asked.
    /// </summary>
    private static void RefusePlantedLink(string path)
    {
        if (OperatingSystem.IsWindows() || UnixOwner.Find(path) is not { IsLink: true } link || link.Owner == UnixOwner.Me) return;
        if (UnixOwner.Find(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!) is not { } folder
            || !folder.Mode.HasFlag(UnixFileMode.OtherWrite) || folder.Owner == link.Owner) return;
        throw FileErrors.LinkOfOther(path);
    }
}
