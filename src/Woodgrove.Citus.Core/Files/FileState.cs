namespace Woodgrove.Citus.Files;

/// <summary>What stands at a path of a Unix file system.</summary>
internal sealed record FileState(uint Owner, UnixFileMode Mode, bool IsFolder, bool IsRegular, bool IsLink)
{
    /// <summary>Whether anybody but the owner may write to it.</summary>
    public bool IsOpenToOthers => (Mode & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0;
}
