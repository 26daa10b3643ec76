/**
 * VFIO's interface as data: request numbers, constants and structures, by their names in <linux/vfio.h> without the prefix
 * (VFIO_, struct vfio_). A test compiles that header and compares each of them. Of structures that newer kernels have
 * extended, this is the part that all kernels know.
 */
import { CStruct } from '../c-struct.ts';

/** _IO(';', 100 + number): VFIO encodes neither size nor direction. */
const request = (number: number): number => (0x3b << 8) | (100 + number);

export const VFIO = {
  // What is asked of the container.
  GET_API_VERSION: request(0),
  CHECK_EXTENSION: request(1),
  SET_IOMMU: request(2),
  IOMMU_GET_INFO: request(12),
  IOMMU_MAP_DMA: request(13),
  IOMMU_UNMAP_DMA: request(14),
  // Of a group.
  GROUP_GET_STATUS: request(3),
  GROUP_SET_CONTAINER: request(4),
  GROUP_GET_DEVICE_FD: request(6),
  // Of a device.
  DEVICE_GET_INFO: request(7),
  DEVICE_GET_REGION_INFO: request(8),
  DEVICE_GET_IRQ_INFO: request(9),
  DEVICE_SET_IRQS: request(10),
  DEVICE_RESET: request(11),

  API_VERSION: 0,
  TYPE1v2_IOMMU: 3,
  NOIOMMU_IOMMU: 8,

  GROUP_FLAGS_VIABLE: 1,

  IOMMU_INFO_PGSIZES: 1,
  IOMMU_INFO_CAPS: 2,
  IOMMU_TYPE1_INFO_CAP_IOVA_RANGE: 1,
  DMA_MAP_FLAG_READ: 1,
  DMA_MAP_FLAG_WRITE: 2,

  DEVICE_FLAGS_RESET: 1,

  REGION_INFO_FLAG_MMAP: 4,
  REGION_INFO_FLAG_CAPS: 8,
  REGION_INFO_CAP_SPARSE_MMAP: 1,
  PCI_BAR0_REGION_INDEX: 0,
  PCI_CONFIG_REGION_INDEX: 7,

  PCI_INTX_IRQ_INDEX: 0,
  PCI_MSI_IRQ_INDEX: 1,
  PCI_MSIX_IRQ_INDEX: 2,
  IRQ_INFO_EVENTFD: 1,
  IRQ_SET_DATA_NONE: 1,
  IRQ_SET_DATA_EVENTFD: 4,
  IRQ_SET_ACTION_UNMASK: 16,
  IRQ_SET_ACTION_TRIGGER: 32,
} as const;

/** The head of each link in a capability chain; `next` counts from the beginning of the structure that has the chain. */
const header = { 'header.id': 'u16', 'header.version': 'u16', 'header.next': 'u32' } as const;

export const structs = {
  info_cap_header: new CStruct({ id: 'u16', version: 'u16', next: 'u32' }),
  group_status: new CStruct({ argsz: 'u32', flags: 'u32' }),
  iommu_type1_info: new CStruct({ argsz: 'u32', flags: 'u32', iova_pgsizes: 'u64', cap_offset: 'u32' }),
  /** `nr_iovas` ranges follow. */
  iommu_type1_info_cap_iova_range: new CStruct({ ...header, nr_iovas: 'u32', reserved: 'u32' }),
  /** `end` is the last address. */
  iova_range: new CStruct({ start: 'u64', end: 'u64' }),
  iommu_type1_dma_map: new CStruct({ argsz: 'u32', flags: 'u32', vaddr: 'u64', iova: 'u64', size: 'u64' }),
  iommu_type1_dma_unmap: new CStruct({ argsz: 'u32', flags: 'u32', iova: 'u64', size: 'u64' }),
  device_info: new CStruct({ argsz: 'u32', flags: 'u32', num_regions: 'u32', num_irqs: 'u32' }),
  region_info: new CStruct({ argsz: 'u32', flags: 'u32', index: 'u32', cap_offset: 'u32', size: 'u64', offset: 'u64' }),
  /** `nr_areas` areas follow. */
  region_info_cap_sparse_mmap: new CStruct({ ...header, nr_areas: 'u32', reserved: 'u32' }),
  region_sparse_mmap_area: new CStruct({ offset: 'u64', size: 'u64' }),
  irq_info: new CStruct({ argsz: 'u32', flags: 'u32', index: 'u32', count: 'u32' }),
  /** With DATA_EVENTFD, `count` signed 32-bit descriptors follow. */
  irq_set: new CStruct({ argsz: 'u32', flags: 'u32', index: 'u32', start: 'u32', count: 'u32' }),
} as const;
